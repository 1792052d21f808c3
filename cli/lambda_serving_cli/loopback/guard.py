"""Refuses what a web page makes a browser send here, before an ASGI application sees it.

A page of any site can send requests to 127.0.0.1. It cannot read the answers, but what it sent has
happened; and a name of its own that suddenly stands for 127.0.0.1 (DNS rebinding) lets it read them
too. Browsers tell of both: by `Host`, `Origin` and `Sec-Fetch-Site`, none of which a page can set.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("localhost", "host.docker.internal")
"""Names of this machine, which nobody else can have (RFC 6761; ICANN, ".internal"). The second one
is how containers of `sam local` name it."""

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


class LocalOnly:
    """An application that answers this machine, and no web page.

    ``host`` is the address it listens on. ``has_pages``: it serves pages that ask it in turn.
    """

    def __init__(self, app: Application, host: str, has_pages: bool = False) -> None:
        self._app = app
        self._host = host.lower()
        self._has_pages = has_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":  # a WebSocket, which nothing here has
            await send({"type": "websocket.close", "code": 1008})
        elif reason := self._find_reason(scope):
            await refuse(send, *reason)
        else:
            await self._app(scope, receive, send)

    def _find_reason(self, scope: Scope) -> tuple[str, str] | None:
        """The error's name and text where a request is refused."""
        hosts = list_values(scope, b"host")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            told = ", ".join(map(repr, hosts)) or "none"
            return "ForeignHost", f"Host: expected a name of this machine, got {told}"
        own = [f"http://{hosts[0].lower()}"] * self._has_pages
        for origin in list_values(scope, b"origin"):
            if origin.lower() not in own:
                return "ForeignOrigin", f"Origin: expected none of another site, got {origin!r}"
        for site in list_values(scope, b"sec-fetch-site"):
            if site not in ("none", "same-origin") and not self._is_visit(scope):
                return "ForeignOrigin", f"Sec-Fetch-Site: expected none, got {site!r}"
        return None

    def _is_own(self, value: str) -> bool:
        """Whether a Host names this machine: no name that another site could have."""
        found = HOST.fullmatch(value.lower())
        if found is None:
            return False
        name = found[1].strip("[]")
        if name == self._host or name in NAMES or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # Who listens on all addresses is asked by any of them, which are not names either.
        return address.is_loopback or self._host in ("0.0.0.0", "::")

    def _is_visit(self, scope: Scope) -> bool:
        """Whether a person followed a link to a page: the site with the link does not see it."""
        mode = list_values(scope, b"sec-fetch-mode") + list_values(scope, b"sec-fetch-dest")
        return self._has_pages and scope["method"] == "GET" and mode == ["navigate", "document"]


def list_values(scope: Scope, name: bytes) -> list[str]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


async def refuse(send: Send, error: str, detail: str) -> None:
    """403. Nothing of it lets a page read it."""
    body = json.dumps({"detail": detail, "type": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})

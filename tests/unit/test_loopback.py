"""What the servers of this machine refuse: what a page of another site makes a browser send."""

import asyncio
from typing import Any

import pytest

from lambda_serving_cli.loopback.guard import LocalOnly

OWN = "127.0.0.1:4566"

ANSWERED = {
    "an SDK": {"host": OWN},
    "by its name": {"host": "LocalHost:4566"},
    "IPv6": {"host": "[::1]:4566"},
    "another address of loopback": {"host": "127.0.0.2"},
    "a bucket's host": {"host": "models.localhost:4566"},
    "an API's host": {"host": "abc.execute-api.localhost:4566"},
    "a container": {"host": "host.docker.internal:4566"},
    "typed into a browser": {"host": OWN, "sec-fetch-site": "none"},
    "a page's own script": {"host": OWN, "sec-fetch-site": "same-origin"},
}
"""By any of the servers."""

REFUSED = {
    "rebound": ({"host": "evil.com"}, "ForeignHost"),
    "rebound, with the port": ({"host": "evil.com:4566"}, "ForeignHost"),
    "almost": ({"host": "localhost.evil.com"}, "ForeignHost"),
    "almost too": ({"host": "evillocalhost"}, "ForeignHost"),
    "public, though it stands for 127.0.0.1": (
        {"host": "b.s3.localhost.localstack.cloud:4566"}, "ForeignHost"),
    "an address of others": ({"host": "192.168.0.7"}, "ForeignHost"),
    "with a user": ({"host": "127.0.0.1@evil.com"}, "ForeignHost"),
    "no host": ({}, "ForeignHost"),
    "empty": ({"host": ""}, "ForeignHost"),
    "a page": ({"host": OWN, "origin": "https://evil.com"}, "ForeignOrigin"),
    "a page of another port": ({"host": OWN, "origin": "http://127.0.0.1:3000"}, "ForeignOrigin"),
    "a page by TLS": ({"host": OWN, "origin": f"https://{OWN}"}, "ForeignOrigin"),
    "a file, a sandbox": ({"host": OWN, "origin": "null"}, "ForeignOrigin"),
    "an image": ({"host": OWN, "sec-fetch-site": "cross-site"}, "ForeignOrigin"),
    "an image nearby": ({"host": OWN, "sec-fetch-site": "same-site"}, "ForeignOrigin"),
    "a frame": (
        {"host": OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
         "sec-fetch-dest": "iframe"}, "ForeignOrigin"),
}  # fmt: skip
"""By all of them: the headers, and the error's name."""

PAGES = {
    "its docs page": {"host": OWN, "origin": f"http://{OWN}", "sec-fetch-site": "same-origin"},
    "a link to it": {
        "host": OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    },
}  # fmt: skip
"""Answered by the server that has pages, and by it alone."""


def ask(
    headers: dict[str, str], has_pages: bool, host: str = "127.0.0.1", kind: str = "http"
) -> list[Any]:
    """What the server sends: ["reached"] where the application saw the request."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("reached")

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any: ...

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": "GET", "path": "/", "headers": pairs}
    asyncio.run(LocalOnly(app, host, has_pages)(scope, receive, send))
    return sent


@pytest.mark.parametrize("has_pages", [False, True])
@pytest.mark.parametrize("name", ANSWERED)
def test_this_machine_is_answered(name: str, has_pages: bool) -> None:
    assert ask(ANSWERED[name], has_pages) == ["reached"]


@pytest.mark.parametrize("has_pages", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name: str, has_pages: bool) -> None:
    headers, error = REFUSED[name]
    start, body = ask(headers, has_pages)
    assert start["status"] == 403
    assert not [key for key, _ in start["headers"] if key.startswith(b"access-control")]
    assert f'"type": "{error}"'.encode() in body["body"]


@pytest.mark.parametrize("name", PAGES)
def test_own_pages_where_there_are_some(name: str) -> None:
    assert ask(PAGES[name], has_pages=True) == ["reached"]
    assert ask(PAGES[name], has_pages=False)[0]["status"] == 403


@pytest.mark.parametrize(
    ("listens", "asked", "is_answered"),
    [
        ("172.17.0.1", "172.17.0.1:4566", True),
        ("172.17.0.1", "172.17.0.2:4566", False),
        ("devbox", "devbox:4566", True),
        ("0.0.0.0", "192.168.0.7:4566", True),
        ("0.0.0.0", "evil.com:4566", False),
        ("::", "[fe80::1]:4566", True),
    ],
)
def test_the_address_that_it_was_told(listens: str, asked: str, is_answered: bool) -> None:
    assert (ask({"host": asked}, False, listens) == ["reached"]) == is_answered


def test_web_sockets_are_closed() -> None:
    [message] = ask({"host": OWN}, True, kind="websocket")
    assert message["type"] == "websocket.close"

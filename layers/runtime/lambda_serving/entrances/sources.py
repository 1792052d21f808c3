"""Mangum's event sources: what an HTTP event is to ASGI, and what an answer is to its sender.

Mangum's adapter around them runs the application on an event loop, whose import (asyncio) takes a
cold start as long as a fifth of numpy's and onnxruntime's. Here nothing waits but user code
(``execution``), so the sources are imported without the adapter (docs/decisions/0005-thin-app.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol

from lambda_serving.execution import run_without_loop
from lambda_serving.responses import join_body, stay_connected

CONFIG = {
    "api_gateway_base_path": "/",
    "exclude_headers": [],
    "text_mime_types": [
        "text/",
        "application/json",
        "application/javascript",
        "application/xml",
        "application/vnd.api+json",
        "application/vnd.oai.openapi",
    ],
}
"""Mangum's own defaults; an answer of any other type goes out as base64."""


class Source(Protocol):
    """An event of one source."""

    scope: dict[str, Any]
    body: bytes

    def __call__(self, response: dict[str, Any]) -> dict[str, Any]:
        """What Lambda returns for a response of status, headers and body."""


def import_sources() -> tuple[Any, ...]:
    """The classes of Mangum's sources, in the order in which they are asked."""
    with skip_adapter():
        from mangum.handlers import ALB, APIGateway, HTTPGateway
    return ALB, HTTPGateway, APIGateway


@contextmanager
def skip_adapter() -> Iterator[None]:
    """Import from Mangum without running its ``__init__``, which imports the adapter.

    Whoever imports Mangum afterwards gets the whole of it.
    """
    spec = find_spec("mangum")
    if "mangum" in sys.modules or spec is None:  # user code has it; or nobody
        yield
        return
    package = ModuleType("mangum")
    package.__path__ = spec.submodule_search_locations or []
    sys.modules["mangum"] = package
    try:
        yield
    finally:
        del sys.modules["mangum"]


def find_source(sources: tuple[Any, ...], event: Any, context: Any) -> Source:
    """The source of an event that ``entrances.http.infer`` knows as one of HTTP."""
    kind = next(each for each in sources if each.infer(event, context, CONFIG))
    source: Source = kind(event, context, CONFIG)
    return source


def run_app(app: Any, source: Source) -> dict[str, Any]:
    """What an ASGI application answers, as Lambda returns it.

    Once it has the body, an application that waits for its client to go waits for ever: Lambda
    does not tell. Only one that runs on an event loop of its own does (a streaming response).
    """
    messages: list[dict[str, Any]] = []
    is_read = False

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if is_read:
            return await stay_connected()
        is_read = True
        return {"type": "http.request", "body": source.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    run_without_loop(app(source.scope, receive, send))
    start, *bodies = messages
    headers, body = start.get("headers", []), join_body(bodies)
    return source({"status": start["status"], "headers": headers, "body": body})

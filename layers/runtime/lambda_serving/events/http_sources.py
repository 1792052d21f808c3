"""Mangum's handlers: from an HTTP event to ASGI's scope, and from an answer to Lambda's response.

Mangum's adapter around them is not imported. It runs applications on an event loop, and the import
of asyncio takes a fifth of the time that NumPy and onnxruntime take. Only user code waits here
(``event_loop``). See docs/decisions/0005-thin-app.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from lambda_serving.errors import MalformedEventError
from lambda_serving.events.fields import (
    ALB_FIELDS,
    ALB_LISTS_FIELDS,
    HTTP_FIELDS,
    REST_FIELDS,
    Fields,
    check_fields,
)
from lambda_serving.messages.asgi import REQUEST_ID
from lambda_serving.messages.encoding import decode_base64
from lambda_serving.messages.responses import stay_connected
from lambda_serving.user_code.event_loop import run_without_loop

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

ADDRESS = ("host", "x-forwarded-port")
"""Headers that Mangum reads the server's address from; nothing here asks for that."""

Event = dict[str, Any]


class Source:
    """One of AWS's services that sends HTTP requests as events."""

    def __init__(self, kind: type[Any], fields: Fields, plain: Event) -> None:
        """``kind`` is Mangum's class of the source, ``plain`` an event that it can read."""
        self._kind = kind
        self._fields = fields
        self._plain = plain

    def read(self, event: Event, context: Any) -> tuple[dict[str, Any], bytes]:
        """ASGI's scope of an event, and its body.

        Raises:
            MalformedEventError: it is none of this source.
            MalformedBodyError: its body is not the base64 that it claims to be.
        """
        check_fields(event, self._fields)
        try:
            scope = self._read_scope(event, context)
            text: str = event.get("body") or ""
            raw = text.encode()
        except Exception as error:  # Mangum's, on texts that are no Unicode for one
            raise MalformedEventError(
                f"the event cannot be read: {type(error).__name__}", private=str(error)
            ) from error
        return scope, decode_base64(raw) if event.get("isBase64Encoded") else raw

    def _read_scope(self, event: Event, context: Any) -> dict[str, Any]:
        try:
            scope: dict[str, Any] = self._kind(event, context, CONFIG).scope
        except ValueError:  # as a rule a Host that is no address: any client may send one
            rest, address = split_address(event)
            scope = self._kind(rest, context, CONFIG).scope
            scope |= {"headers": [*scope["headers"], *address], "aws.event": event}
        return scope

    @cached_property
    def _writer(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        # Mangum looks into the event again for its answer; this one it can always read. It asks
        # for the whole scope at each answer: here there is one for all.
        scope = self._kind(self._plain, None, CONFIG).scope
        writer = type("Writer", (self._kind,), {"scope": scope})
        return writer(self._plain, None, CONFIG)  # type: ignore[no-any-return]

    def write(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """What Lambda returns for an answer of two ASGI messages: its start, and its body."""
        start, body = messages
        # ASGI's headers are in latin-1, and Mangum takes them for UTF-8.
        headers = [
            (key, value if value.isascii() else value.decode("latin-1").encode())
            for key, value in start["headers"]
        ]
        response = {"status": start["status"], "headers": headers, "body": body["body"]}
        return self._writer(response)


def split_address(event: Event) -> tuple[Event, list[list[bytes]]]:
    """An event without the headers that are its server's address; and those, as ASGI has them."""
    rest, address = dict(event), dict[bytes, bytes]()
    for name in ("headers", "multiValueHeaders"):
        given: Mapping[str, Any] = event.get(name) or {}
        for key, value in given.items():
            if key.lower() in ADDRESS:
                text = value if isinstance(value, str) else ", ".join(value)
                address[key.lower().encode()] = text.encode()
        if name in event:
            rest[name] = {k: value for k, value in given.items() if k.lower() not in ADDRESS}
    return rest, [[key, value] for key, value in address.items()]


def make_sources() -> Callable[[Event], Source]:
    """Finds the source of an event that ``events.http.infer`` knows as one of HTTP."""
    with skip_adapter():
        from mangum.handlers import ALB, APIGateway, HTTPGateway
    http = {"http": {"method": "POST", "path": "/", "sourceIp": ""}}
    url = {"path": "/", "httpMethod": "POST"}
    elb: Event = {"requestContext": {"elb": {}}, **url}
    gateway = Source(HTTPGateway, HTTP_FIELDS, {"version": "2.0", "requestContext": http})
    rest = Source(APIGateway, REST_FIELDS, {"requestContext": {}, **url})
    alb = Source(ALB, ALB_FIELDS, {**elb, "headers": {}})
    alb_of_lists = Source(ALB, ALB_LISTS_FIELDS, {**elb, "multiValueHeaders": {}})

    def find(event: Event) -> Source:
        context = event["requestContext"]
        if "elb" in context:
            return alb_of_lists if "multiValueHeaders" in event else alb
        return gateway if "http" in context else rest

    return find


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


def run_app(app: Any, scope: dict[str, Any], body: bytes, request_id: str) -> list[dict[str, Any]]:
    """All that an ASGI application sends.

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
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    scope[REQUEST_ID] = request_id
    run_without_loop(app(scope, receive, send))
    return messages

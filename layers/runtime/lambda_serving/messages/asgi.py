"""Reads requests from ASGI messages, and sends answers as ASGI messages."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lambda_serving.errors import BodyTooLargeError, MalformedBodyError
from lambda_serving.messages.request import choose_id
from lambda_serving.messages.responses import Answer

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Messages = list[dict[str, Any]]
"""Of ASGI, as an application sends them."""


REQUEST_ID = "lambda_serving.request_id"
"""Key of the scope, if the event source has chosen the request's id."""


def find_request_id(scope: Scope) -> str:
    """The id that the event source chose; on the dev server, a valid id in the client's header."""
    if REQUEST_ID in scope:
        return str(scope[REQUEST_ID])
    given = next((value for key, value in scope["headers"] if key == b"x-request-id"), b"")
    return choose_id(given.decode("latin-1"), "-")


HTTP_API_SECONDS = 30.0
"""Time limit of an HTTP API's integrations, a fixed one (API Gateway quotas)."""


def find_deadline(scope: Scope) -> float:
    """``time.monotonic()`` at which the caller gets no answer; none on a server of our own.

    Lambda ends the function then, or the HTTP API has given up before.
    """
    if "aws.context" not in scope:
        return math.inf
    seconds = float(scope["aws.context"].get_remaining_time_in_millis()) / 1000
    return time.monotonic() + min(seconds, count_api_seconds(scope["aws.event"]))


def count_api_seconds(event: dict[str, Any]) -> float:
    """Seconds that an HTTP API still waits: since ``timeEpoch``, a cold start included.

    Function URLs send events of the same kind, and wait as long as Lambda.
    """
    context = event["requestContext"]
    if "http" not in context or ".lambda-url." in str(context.get("domainName")):
        return math.inf
    began = context.get("timeEpoch")
    passed = time.time() * 1000 - began if type(began) is int else 0
    return HTTP_API_SECONDS - (passed / 1000 if 0 < passed < HTTP_API_SECONDS * 1000 else 0.0)


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body of a request, of at most ``limit`` bytes as it was sent.

    Raises:
        MalformedBodyError: the client went before its end.
        BodyTooLargeError: known before its end, which is not waited for.
    """
    parts: list[bytes] = []
    size, goes_on = 0, True
    while goes_on:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedBodyError(f"the client went after {size} bytes of the body")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        goes_on = message.get("more_body", False)
        if goes_on and size > limit:
            raise BodyTooLargeError(f"the body has over {limit} bytes, the limit")
    return b"".join(parts)


def make_messages(answer: Answer, request_id: str) -> Messages:
    """An answer as the two messages that send it.

    Its texts are in latin-1, as all are that come from ``fit_header``.
    """
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", request_id.encode()),
        *[(key.lower().encode(), value.encode("latin-1")) for key, value in answer.headers],
    ]
    return [
        {"type": "http.response.start", "status": answer.status, "headers": headers},
        {"type": "http.response.body", "body": answer.body},
    ]


async def send_answer(answer: Answer, request_id: str, send: Send) -> None:
    for message in make_messages(answer, request_id):
        await send(message)

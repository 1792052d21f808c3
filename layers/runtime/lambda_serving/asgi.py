"""Reading a request from ASGI's messages, and sending an answer by them."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lambda_serving.errors import BodyTooLargeError, MalformedBodyError
from lambda_serving.responses import Answer

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Messages = list[dict[str, Any]]
"""Of ASGI, as an application sends them."""


def find_request_id(scope: Scope) -> str:
    """API Gateway's id where there is one, else Lambda's, else the client's header."""
    event = scope.get("aws.event") or {}
    from_gateway = (event.get("requestContext") or {}).get("requestId")
    if from_gateway:
        return str(from_gateway)
    if "aws.context" in scope:
        return str(scope["aws.context"].aws_request_id)
    return next(
        (v.decode(errors="replace") for k, v in scope["headers"] if k == b"x-request-id"), "-"
    )


def find_deadline(scope: Scope) -> float:
    """``time.monotonic()`` at which Lambda ends the function; none on a server of our own."""
    if "aws.context" not in scope:
        return math.inf
    return time.monotonic() + float(scope["aws.context"].get_remaining_time_in_millis()) / 1000


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


async def send_answer(answer: Answer, request_id: str, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", request_id.encode()),
        *((key.lower().encode(), value.encode()) for key, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})

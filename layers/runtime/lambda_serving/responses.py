"""Answers: what goes out by HTTP, and Starlette's responses without importing Starlette."""

from __future__ import annotations

from typing import Any, NamedTuple

from lambda_serving.encoding import BYTES, JSON, encode_json
from lambda_serving.errors import ServingError, describe_error
from lambda_serving.execution import run


class Answer(NamedTuple):
    """An HTTP answer before it is sent."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def answer_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, JSON, encode_json(value))


def answer_result(result: Any) -> Answer:
    """A pipeline's result: bytes as they are, everything else as JSON.

    Raises:
        ResultError: JSON cannot hold it.
    """
    if isinstance(result, bytes | bytearray | memoryview):
        return Answer(200, BYTES, bytes(result))
    return answer_json(result)


def answer_error(error: ServingError, request_id: str) -> Answer:
    """An error, as the contract's table says."""
    answer = answer_json(describe_error(error, request_id), error.status)
    return answer._replace(headers=tuple(error.headers.items()))


def is_response(result: Any) -> bool:
    """Whether the user returned a Starlette (or FastAPI) response.

    Told by its shape: such an object is itself an ASGI application, and the check must not
    import Starlette, which no other request needs.
    """
    return callable(result) and hasattr(result, "status_code") and hasattr(result, "raw_headers")


def render_response(response: Any) -> Answer:
    """A response's status, type and whole body, for an entrance that speaks no ASGI."""
    status, headers, parts = 200, {}, []

    async def receive() -> dict[str, Any]:
        # A streaming response stops as soon as its client leaves: this one stays.
        from asyncio import Event

        await Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {key.decode().lower(): value.decode() for key, value in message["headers"]}
        else:
            parts.append(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    run(response(scope, receive, send))
    return Answer(status, headers.get("content-type", BYTES), b"".join(parts))

"""Answers: what goes out by HTTP, and Starlette's responses without importing Starlette."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, NoReturn

from lambda_serving.encoding import BYTES, JSON, encode_json, encode_result, parse_json
from lambda_serving.errors import (
    PASSING,
    ResultError,
    ServingError,
    describe_error,
    translate_exception,
)
from lambda_serving.execution import resolve, run

VERSION_HEADER = "x-serving-version"


class Answer(NamedTuple):
    """An HTTP answer before it is sent."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def answer_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, JSON, encode_json(value))


def answer_result(result: Any, version: str) -> Answer:
    """A pipeline's result: bytes as they are, everything else as JSON; says which version it was.

    Raises:
        ResultError: JSON cannot hold it.
    """
    headers = ((VERSION_HEADER, version),)
    if isinstance(result, bytes | bytearray | memoryview):
        return Answer(200, BYTES, bytes(result), headers)
    return Answer(200, JSON, encode_result(result), headers)


def name_version(message: dict[str, Any], version: str) -> dict[str, Any]:
    """An ASGI message of a user's response; its first one says which version it was."""
    if message.get("type") != "http.response.start":
        return message
    headers = list(message.get("headers", []))
    if all(name.lower() != VERSION_HEADER.encode() for name, _ in headers):
        headers.append((VERSION_HEADER.encode(), version.encode()))
    return message | {"headers": headers}


def answer_error(error: ServingError, request_id: str) -> Answer:
    """An error, as the contract's table says."""
    body = encode_error(describe_error(error, request_id))
    return Answer(error.status, JSON, body, tuple(error.headers.items()))


def check_answer(answer: Answer) -> Answer:
    """An answer that another endpoint's JSON describes, once it is known to be one.

    Raises:
        TypeError: it is none.
    """
    status, content_type, _, headers = answer
    texts = [content_type, *(text for header in headers for text in header)]
    if type(status) is not int or not 200 <= status <= 599:
        raise TypeError(f"expected an HTTP status, got {status!r:.40}")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("expected texts as content type and headers")
    return answer


def make_response_error(answer: Answer) -> ServingError:
    """An answer with an error's status as an error; one that a canary passes on keeps its name."""
    try:
        body = parse_json(answer.body)
        error = ServingError(body["detail"], stage=body["stage"], type_name=str(body["type"]))
    except (ValueError, KeyError, TypeError):
        text = answer.body.decode(errors="replace")
        error = ServingError(text, stage="result", type_name="ResponseError")
    error.status = answer.status
    error.headers = dict(answer.headers)
    return error


def name_error(result: Any) -> str:
    """The class of an error that is a result, for the statistics: a callee's own, or a response."""
    return make_response_error(result).type if isinstance(result, Answer) else "ResponseError"


def raise_to_lambda(error: ServingError, request_id: str) -> NoReturn:
    """Raise ``error`` as Lambda should report it: the class as errorType, the body as message.

    The message is the JSON body of the HTTP answer plus its ``status`` and ``headers``, so that a
    caller can pass the failure on. Cause and context are cut: Lambda sends the stack to the caller.
    """
    body = describe_error(error, request_id) | {"status": error.status}
    if error.headers:
        body["headers"] = error.headers
    message = json.dumps(json.loads(encode_error(body)))
    raise type(error.type, (Exception,), {})(message) from None


def encode_error(body: dict[str, Any]) -> bytes:
    """A described error as JSON; a user's ``detail`` that JSON cannot hold goes out as text."""
    try:
        return encode_json(body)
    except ResultError:
        return encode_json(body | {"detail": ascii(body["detail"])})


def is_response(result: Any) -> bool:
    """Whether the user returned a Starlette (or FastAPI) response.

    Told by its shape: such an object is itself an ASGI application, and the check must not
    import Starlette, which no other request needs.
    """
    return callable(result) and hasattr(result, "status_code") and hasattr(result, "raw_headers")


async def play_response(response: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Let a response send what it holds.

    Raises:
        ServingError: it fails, as user code does: a stream may at any time.
    """
    try:
        await resolve(response(scope, receive, send))
    except PASSING:
        raise
    except BaseException as error:  # noqa: BLE001  (user code: any error is translated)
        raise translate_exception(error, ResultError.stage) from error


async def collect_messages(response: Any, scope: dict[str, Any], receive: Any) -> list[Any]:
    """All that a response sends, as ASGI messages; the first tells status and headers.

    Raises:
        ServingError: it fails, or sends something else.
    """
    messages: list[Any] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await play_response(response, scope, receive, send)
    if not messages or messages[0]["type"] != "http.response.start":
        raise ResultError(f"{type(response).__name__} sent no status")
    return messages


async def stay_connected() -> dict[str, Any]:
    """An ASGI ``receive`` of a client that stays: Lambda tells of none that leaves."""
    from asyncio import Event

    await Event().wait()
    return {"type": "http.disconnect"}


def join_body(messages: list[dict[str, Any]]) -> bytes:
    """The body that ASGI messages bring."""
    return b"".join(message.get("body", b"") for message in messages)


def render_response(response: Any) -> Answer:
    """A response's status, type, headers and whole body, for an entrance that speaks no ASGI.

    Raises:
        ServingError: it fails.
    """
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    # A streaming response would stop as soon as its client leaves.
    start, *bodies = run(collect_messages(response, scope, stay_connected))
    headers = [(key.decode().lower(), value.decode()) for key, value in start.get("headers", [])]
    content_type = dict(headers).get("content-type", BYTES)
    own = tuple((k, v) for k, v in headers if k not in ("content-type", "content-length"))
    return Answer(start["status"], content_type, join_body(bodies), own)

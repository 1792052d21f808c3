"""Answers by HTTP, and the user's Starlette responses. Starlette itself is not imported."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, NoReturn

from lambda_serving.errors import ResultError, ResultTooLargeError, ServingError, describe_error
from lambda_serving.messages.encoding import BYTES, JSON, encode_json, parse_json
from lambda_serving.settings.runtime import PAYLOAD_LIMIT
from lambda_serving.user_code.event_loop import is_ended_from_outside, resolve, run_without_loop
from lambda_serving.user_code.failures import call_user, translate_exception
from lambda_serving.user_values import fit_header, read_status, show

VERSION_HEADER = "x-serving-version"

LONGEST_ERROR = 64 * 1024
"""Bytes of an error's body; a longer ``detail`` of the user's goes out as a text that is cut."""

WITHOUT_BODY = (204, 205, 304)
"""Statuses whose answers have none (RFC 9110, 6.4.1 and 15.3.6)."""


class Answer(NamedTuple):
    """An HTTP answer before it is sent."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def answer_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, JSON, encode_json(value))


def answer_result(result: Any, version: str) -> Answer:
    """A pipeline's result: bytes as they are, everything else as JSON; names its version."""
    headers = ((VERSION_HEADER, version),)
    if isinstance(result, bytes | bytearray | memoryview):
        refuse_over(memoryview(result).nbytes)
        return Answer(200, BYTES, bytes(result), headers)
    for value in result.values() if type(result) is dict else (result,):
        if type(value).__name__ == "ndarray":
            refuse_over(value.size * 2)  # a digit and a comma
    return Answer(200, JSON, encode_json(result, is_result=True), headers)


def refuse_over(size: int) -> None:
    """Refuse a result that cannot be sent, if possible before it is copied and encoded.

    Raises:
        ResultTooLargeError: its ``size`` bytes, at the least, are over Lambda's payload limit.
    """
    if size > PAYLOAD_LIMIT:
        raise ResultTooLargeError(f"the result has {size} bytes, the limit is {PAYLOAD_LIMIT}")


def name_version(message: dict[str, Any], version: str) -> dict[str, Any]:
    """The ASGI message that begins a user's response, so that it says which version it was."""
    headers = list(message["headers"])
    if all(name.lower() != VERSION_HEADER.encode() for name, _ in headers):
        headers.append((VERSION_HEADER.encode(), version.encode()))
    return message | {"headers": headers}


def read_result(result: Any, version: str) -> Any:
    """A user's response as it is, everything else as an Answer.

    Raises:
        ServingError: JSON cannot hold it, or it raises where it is read.
    """
    if type(result) is Answer or is_response(result):
        return result
    return call_user(ResultError.stage, answer_result, result, version)


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
    _, fitting = fit_header("content-type", content_type) or ("", BYTES)
    sent = tuple(filter(None, (fit_header(name, value) for name, value in headers)))
    return answer._replace(content_type=fitting, headers=sent)


def make_response_error(answer: Answer) -> ServingError:
    """An answer with an error's status as an error; one that a canary passes on keeps its name."""
    try:
        body = parse_json(answer.body)
        names = stage, type_name = body["stage"], body["type"]
        if not all(isinstance(n, str) and n.isprintable() and 0 < len(n) <= 250 for n in names):
            raise ValueError("it is no error of ours")
        error = ServingError(body["detail"], stage=stage, type_name=type_name)
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
        encoded = call_user(ResultError.stage, encode_json, body)
    except ServingError:
        encoded = b""
    if 0 < len(encoded) <= LONGEST_ERROR:
        return encoded
    return encode_json(body | {key: show(body[key]) for key in ("detail", "type", "stage")})


def is_response(result: Any) -> bool:
    """Whether the user returned a Starlette (or FastAPI) response.

    Told by its shape: such an object is itself an ASGI application, and the check must not
    import Starlette, which no other request needs.

    Raises:
        ServingError: its attributes raise.
    """
    return callable(result) and call_user(
        ResultError.stage, lambda: hasattr(result, "status_code") and hasattr(result, "raw_headers")
    )


async def collect_messages(response: Any, scope: dict[str, Any], receive: Any) -> list[Any]:
    """All that a response sends, as two ASGI messages: its status and headers, and its body.

    Raises:
        ServingError: it fails, as user code does: a stream may at any time; or sends something
            else.
    """
    messages: list[Any] = []
    size = 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal size
        messages.append(message)
        body = message.get("body") if isinstance(message, dict) else None
        size += len(body) if isinstance(body, bytes | bytearray) else 0
        refuse_over(size)  # a stream may have no end

    try:
        await resolve(response(scope, receive, send))
    except BaseException as error:  # noqa: BLE001  (user code: any error is translated)
        if is_ended_from_outside(error):
            raise
        refuse_over(size)  # by this name, whatever the response makes of it
        raise translate_exception(error, ResultError.stage) from error
    return call_user(ResultError.stage, _check_messages, messages, type(response).__name__)


def _check_messages(messages: list[Any], name: str) -> list[dict[str, Any]]:
    """The messages in two, if they are what ASGI's specification says (HTTP, spec version 2.0)."""
    if not messages:
        raise ResultError(f"{name} sent no status")
    for number, message in enumerate(messages):
        expected = "http.response.body" if number else "http.response.start"
        if not isinstance(message, dict) or message.get("type") != expected:
            raise ResultError(f"{name}: expected the ASGI message {expected}, got another one")
    start, *bodies = messages
    status = read_status(start.get("status"), 200)
    if status is None:
        given = show(start.get("status"))
        raise ResultError(f"{name}: expected a status from 200 to 599, got {given:.40}")
    headers = [_check_header(header, name) for header in start.get("headers", ())]
    parts = [body.get("body", b"") for body in bodies]
    if not all(isinstance(part, bytes | bytearray | memoryview) for part in parts):
        raise ResultError(f"{name}: expected bytes as its body")
    body = b"".join(parts)
    left_out = (b"content-length",) if status in WITHOUT_BODY else ()
    kept = [each for each in headers if each is not None and each[0].lower() not in left_out]
    return [
        {"type": "http.response.start", "status": status, "headers": kept},
        {"type": "http.response.body", "body": b"" if status in WITHOUT_BODY else body},
    ]


def _check_header(header: Any, name: str) -> tuple[bytes, bytes] | None:
    """A header as HTTP can send it; None by a name that is none."""
    key, value = header
    if not isinstance(key, bytes) or not isinstance(value, bytes):
        raise ResultError(f"{name}: expected pairs of bytes as its headers")
    fitting = fit_header(key.decode("latin-1"), value.decode("latin-1"))
    return None if fitting is None else (fitting[0].encode("latin-1"), fitting[1].encode("latin-1"))


async def stay_connected() -> dict[str, Any]:
    """An ASGI ``receive`` of a client that stays: Lambda tells of none that leaves."""
    from asyncio import Event

    await Event().wait()
    return {"type": "http.disconnect"}


def render_response(response: Any) -> Answer:
    """Status, type, headers and whole body of a response, for an event source without ASGI.

    Raises:
        ServingError: it fails.
    """
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    # A streaming response would stop as soon as its client leaves.
    start, body = run_without_loop(collect_messages(response, scope, stay_connected))
    headers = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in start["headers"]]
    content_type = dict(headers).get("content-type", BYTES)
    own = tuple((k, v) for k, v in headers if k not in ("content-type", "content-length"))
    return Answer(start["status"], content_type, body["body"], own)

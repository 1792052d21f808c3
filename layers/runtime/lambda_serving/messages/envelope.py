"""The envelope of a direct invoke: what a bare JSON body cannot carry.

::

    {"serving": {"protocol": 1, "version": ..., "request_id": ..., "depth": ...,
                 "content_type": ..., "answer": "whole"}, "body": ...}

Bytes are base64, as the content type says. A caller that forwards an answer asks for the
``"whole"`` one: status, content type, and the unchanged body as text or base64.
"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from lambda_serving.errors import CallDepthError, MalformedBodyError
from lambda_serving.messages.encoding import (
    BYTES,
    JSON,
    check_object,
    decode_base64,
    decode_body,
    describe_json_type,
    encode_json,
    is_json,
    measure_answer,
    measure_payload,
    parse_json,
)
from lambda_serving.messages.request import Request
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.messages.responses import (
    VERSION_HEADER,
    Answer,
    check_answer,
    make_response_error,
    read_result,
    refuse_over,
    render_response,
)
from lambda_serving.settings.runtime import PAYLOAD_LIMIT, Runtime

PROTOCOL = 1


def find_envelope(event: Any) -> dict[str, Any]:
    """What stands under ``serving``, told by its ``protocol`` alone; empty for a bare body."""
    envelope = event.get("serving") if isinstance(event, dict) else None
    return envelope if isinstance(envelope, dict) and "protocol" in envelope else {}


def read_request(
    event: Any,
    request_id: str,
    deadline: float,
    runtime: Runtime,
    metrics: RequestMetrics | None = None,
) -> Request:
    """A request from a payload, enveloped or bare; ``metrics`` are the request's.

    Raises:
        RequestError: as the error table says.
    """
    envelope = find_envelope(event)
    if not envelope:
        return Request(check_object(event), request_id, deadline=deadline, metrics=metrics)
    protocol, depth = envelope["protocol"], envelope.get("depth")
    if protocol != PROTOCOL:
        raise _refuse(f"protocol {PROTOCOL}", protocol)
    depth = 0 if depth is None else depth
    if type(depth) is not int or depth < 0:
        raise _refuse("a number from 0 on as depth", depth)
    if depth > runtime.depth_limit:
        told = min(depth, 1_000_000)  # whoever made it up may have thousands of digits
        raise CallDepthError(
            f"{told} endpoints called each other, the limit is {runtime.depth_limit}"
        )
    version = envelope.get("version")
    if version is not None and type(version) not in (str, int):
        raise _refuse("a string as version", version)
    return Request(
        _read_body(event.get("body"), envelope, runtime),
        request_id,
        None if version is None else str(version),
        depth,
        deadline,
        wants_whole_answer=envelope.get("answer") == "whole",
        metrics=metrics,
    )


def _refuse(expected: str, given: object) -> MalformedBodyError:
    return MalformedBodyError(f"the envelope: expected {expected}, got {given!r:.40}")


def _read_body(body: Any, envelope: dict[str, Any], runtime: Runtime) -> dict[str, Any] | bytes:
    content_type, encoding = (envelope.get(f"content_{key}") or "" for key in ("type", "encoding"))
    if not isinstance(content_type, str):
        raise _refuse("a string as content_type", content_type)
    if not isinstance(encoding, str):
        raise _refuse("a string as content_encoding", encoding)
    if is_json(content_type or JSON):
        return check_object(body)
    if not isinstance(body, str):
        raise MalformedBodyError(f"the envelope: expected base64 for {content_type:.100}")
    limit = runtime.max_body_bytes
    return decode_body(decode_base64(body), content_type, encoding, limit, runtime)


def make_payload(caller: Request, version: str | None, data: Any, answer: str = "") -> bytes:
    """The payload of a call that ``caller``'s code makes.

    Raises:
        ResultError: JSON cannot hold ``data``.
    """
    envelope: dict[str, Any] = {
        "protocol": PROTOCOL,
        "request_id": caller.request_id,
        "depth": caller.depth + 1,
    }
    if version is not None:
        envelope["version"] = version
    if answer:
        envelope["answer"] = answer
    if isinstance(data, bytes | bytearray | memoryview):
        envelope["content_type"] = BYTES
        data = base64.b64encode(data).decode()
    return encode_json({"serving": envelope, "body": {} if data is None else data})


def make_answer(result: Any, whole: bool, version: str) -> Any:
    """The result as plain JSON values; bytes and other content in the envelope, as base64.

    ``version`` is the one that it is of.

    Raises:
        ResultError: JSON cannot hold it.
        ResultTooLargeError: over Lambda's payload limit.
        ServingError: a response with an error status, unless the whole answer is wanted.
    """
    read = read_result(result, version)
    answer = read if type(read) is Answer else render_response(read)
    if type(result) is not Answer and VERSION_HEADER not in dict(answer.headers):
        answer = answer._replace(headers=(*answer.headers, (VERSION_HEADER, version)))
    if whole:
        return _make_whole(answer)
    if answer.status >= 400:
        raise make_response_error(answer)
    if not is_json(answer.content_type):
        envelope = {"protocol": PROTOCOL, "content_type": answer.content_type}
        return _check_size({"serving": envelope, "body": base64.b64encode(answer.body).decode()})
    refuse_over(len(answer.body))
    # Plain values again: Lambda's own encoder knows neither NumPy nor NaN.
    value = parse_json(answer.body) if answer.body else None
    if len(answer.body) * 2 > PAYLOAD_LIMIT:  # Lambda's spaces add less than that
        refuse_over(measure_payload(value))
    return value


def _make_whole(answer: Answer) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "protocol": PROTOCOL,
        "status": answer.status,
        "content_type": answer.content_type,
        "headers": answer.headers,
    }
    try:
        body = answer.body.decode()
    except UnicodeDecodeError:
        envelope["base64"] = True
        body = base64.b64encode(answer.body).decode()
    return _check_size({"serving": envelope, "body": body})


def open_answer(payload: bytes) -> Any:
    """A callee's result, out of its envelope where it came in one.

    Raises:
        ValueError: the payload is no JSON or nested too deep, or its base64 is none.
    """
    result: Any = parse_json(payload) if payload else None
    if not find_envelope(result):
        return result
    body = result.get("body")
    if not isinstance(body, str):
        raise ValueError(f"its envelope: expected base64 as body, got {describe_json_type(body)}")
    return base64.b64decode(body, validate=True)


def open_whole_answer(payload: bytes) -> Answer:
    """A callee's answer, as it gave it.

    Raises:
        ValueError, KeyError, TypeError: the payload is not one.
    """
    answer = orjson.loads(payload)
    envelope, body = answer["serving"], answer["body"]
    return check_answer(
        Answer(
            envelope["status"],
            envelope["content_type"],
            # Both refuse what is no text by a TypeError.
            base64.b64decode(body, validate=True) if envelope.get("base64") else str.encode(body),
            tuple((name, value) for name, value in envelope["headers"]),
        )
    )


def _check_size(answer: dict[str, Any]) -> dict[str, Any]:
    refuse_over(measure_answer(answer))
    return answer

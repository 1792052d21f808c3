"""Direct invokes: the payload is the body, the answer is the result.

The envelope ``{"serving": {"protocol": 1, ...}, "body": ...}`` carries what a bare body cannot:
version, request id, call depth, and bytes as base64.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from lambda_serving.bootstrap import Environment
from lambda_serving.encoding import (
    BYTES,
    JSON,
    check_object,
    decode_base64,
    decode_body,
    encode_json,
    is_json,
)
from lambda_serving.endpoint import Request
from lambda_serving.errors import (
    MalformedBodyError,
    ResultTooLargeError,
    ServingError,
    raise_to_lambda,
    report_error,
)
from lambda_serving.execution import run_without_loop
from lambda_serving.responses import is_response, render_response
from lambda_serving.settings import PAYLOAD_LIMIT

PROTOCOL = 1


def infer(event: Any) -> bool:
    """Whatever no other entrance took."""
    return True


def answer_event(event: Any, context: Any, environment: Environment) -> Any:
    """Serve a direct invoke.

    Raises:
        Exception: named by the class in the error table; see ``raise_to_lambda``.
    """
    envelope = find_envelope(event)
    request_id = str(envelope.get("request_id") or context.aws_request_id)
    try:
        request = read_request(event, envelope, request_id, environment.runtime.max_body_bytes)
        endpoint = environment.get_endpoint(request.version)
        return make_answer(run_without_loop(endpoint.serve(request)))
    except Exception as error:  # noqa: BLE001  (the edge: logged, and raised under its own name)
        raise_to_lambda(report_error(error, request_id), request_id)


def find_envelope(event: Any) -> dict[str, Any]:
    """What stands under ``serving``, told by its ``protocol`` alone; empty for a bare body."""
    envelope = event.get("serving") if isinstance(event, dict) else None
    return envelope if isinstance(envelope, dict) and "protocol" in envelope else {}


def read_request(event: Any, envelope: dict[str, Any], request_id: str, limit: int) -> Request:
    """A request from a payload, enveloped or bare.

    Raises:
        RequestError: as the error table says.
    """
    if not envelope:
        return Request(check_object(event), request_id)
    if envelope["protocol"] != PROTOCOL:
        raise MalformedBodyError(
            f"the envelope: expected protocol {PROTOCOL}, got {envelope['protocol']!r}"
        )
    body = event.get("body")
    content_type = str(envelope.get("content_type") or JSON)
    if is_json(content_type):
        decoded: dict[str, Any] | bytes = check_object(body)
    else:
        if not isinstance(body, str):
            raise MalformedBodyError(f"the envelope: expected base64 for {content_type}")
        encoding = str(envelope.get("content_encoding") or "")
        decoded = decode_body(decode_base64(body), content_type, encoding, limit)
    version = envelope.get("version")
    return Request(
        decoded,
        request_id,
        None if version is None else str(version),
        int(envelope.get("depth") or 0),
    )


def make_answer(result: Any) -> Any:
    """The result as plain JSON values; bytes and other content in the envelope, as base64.

    Raises:
        ResultError: JSON cannot hold it.
        ResultTooLargeError: over Lambda's payload limit.
        ServingError: a response with an error status.
    """
    if is_response(result):
        answer = render_response(result)
        if answer.status >= 400:
            raise _make_response_error(answer.status, answer.body)
        if is_json(answer.content_type):
            return check_size(answer.body)
        return make_envelope(answer.body, answer.content_type)
    if isinstance(result, bytes | bytearray | memoryview):
        return make_envelope(bytes(result), BYTES)
    return check_size(encode_json(result))


def make_envelope(body: bytes, content_type: str) -> dict[str, Any]:
    envelope = {"protocol": PROTOCOL, "content_type": content_type}
    text = base64.b64encode(body).decode()
    _refuse_size(len(text) + 200)
    return {"serving": envelope, "body": text}


def check_size(encoded: bytes) -> Any:
    """Plain values again: Lambda's own encoder knows neither NumPy nor NaN."""
    _refuse_size(len(encoded))
    # By the standard library: orjson would make floats of integers over 64 bits.
    return json.loads(encoded) if encoded else None


def _refuse_size(size: int) -> None:
    if size > PAYLOAD_LIMIT:
        raise ResultTooLargeError(f"the result has {size} bytes, the limit is {PAYLOAD_LIMIT}")


def _make_response_error(status: int, body: bytes) -> ServingError:
    error = ServingError(body.decode(errors="replace"), stage="result", type_name="ResponseError")
    error.status = status
    return error

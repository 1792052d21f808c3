"""Decodes bodies, and encodes results."""

from __future__ import annotations

import base64
import json
import zlib
from io import BytesIO
from typing import Any

import orjson

from lambda_serving.errors import (
    BodyTooLargeError,
    InputError,
    MalformedBodyError,
    UnsupportedEncodingError,
)
from lambda_serving.settings.runtime import PAYLOAD_LIMIT, Runtime

JSON = "application/json"
BYTES = "application/octet-stream"

_ORJSON_OPTIONS = (
    orjson.OPT_SERIALIZE_NUMPY
    # What it would write otherwise than `jsonable_encoder`, or without asking the class.
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_NAT, _NAT_OF_DAYS = b"1677-09-21T00:12:43.145224", b'"1970-01-01T00:00:00"'
"""What orjson makes of NumPy's NaT of nanoseconds, and of weeks, days, hours and minutes."""
_ZERO_FOR_DIGIT = bytes(48 if 48 <= code < 58 else code for code in range(256))
_LONG_INTEGER = b"0" * 19
UNCHECKED = 512
"""Bytes of JSON for each MB of the function's memory that are parsed unseen: at their worst they
take a twentieth of it."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_PIECE = 8192
"""Bytes. At the end of each member zlib copies what is left of its piece: members may be tiny."""


def is_json(content_type: str) -> bool:
    """Whether a content type is ``application/json`` or ``application/*+json``."""
    if content_type == JSON:
        return True
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    is_one = subtype == "json" or (subtype.endswith("+json") and "/" not in subtype)
    return kind == "application" and is_one


def decode_base64(text: str | bytes) -> bytes:
    """Strict base64.

    Raises:
        MalformedBodyError: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedBodyError(f"the body is not base64: {error}") from error


def decode_body(
    raw: bytes,
    content_type: str,
    content_encoding: str,
    limit: int,
    runtime: Runtime | None = None,
) -> dict[str, Any] | bytes:
    """What ``preprocess`` gets: a dict for JSON, else the bytes.

    A body without any content type is read as JSON where it holds an object. ``limit`` is in
    bytes, after decompression; the memory of ``runtime`` is a further one.

    Raises:
        UnsupportedEncodingError, MalformedBodyError, BodyTooLargeError, InputError
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        if runtime is not None:
            from lambda_serving.messages.room import count_bytes

            limit = min(limit, count_bytes(runtime))
        raw = decompress_gzip(raw, limit)
    elif encoding not in ("", "identity"):
        raise UnsupportedEncodingError(
            f"content encoding: expected gzip or identity, got {content_encoding!r}"
        )
    if len(raw) > limit:
        raise BodyTooLargeError(f"the body has {len(raw)} bytes, the limit is {limit}")
    if not (is_json(content_type) if content_type else _may_be_object(raw)):
        return raw
    if runtime is not None and len(raw) > runtime.memory_mb * UNCHECKED:
        from lambda_serving.messages.room import check_json

        check_json(raw, runtime)
    try:
        body = parse_json(raw)
    except ValueError as error:
        if not content_type:
            return raw
        raise MalformedBodyError(f"the body is not JSON: {error}") from error
    return check_object(body) if content_type or isinstance(body, dict) else raw


def parse_json(raw: bytes) -> Any:
    """JSON as ``json.loads`` reads it, its ``NaN``, UTF-16 and exact integers included.

    Raises:
        ValueError: it is none, or nested too deep.
    """
    if not _holds_big_integer(raw):  # orjson would make a float of it
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(raw)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _holds_big_integer(raw: bytes) -> bool:
    """Whether JSON may hold an integer over 64 bits: of 20 digits, or of 19 below zero.

    By bytes' own methods: an expression takes thirty times as long to tell that there is none.
    """
    # Of 19 digits in a row three stand at every sixth place; most text has none such.
    if len(raw) > 4096 and raw[::6].translate(_ZERO_FOR_DIGIT).find(b"000") < 0:
        return False
    marked = raw.translate(_ZERO_FOR_DIGIT)
    at = marked.find(_LONG_INTEGER)
    while at >= 0:
        end = at + len(_LONG_INTEGER)
        before, is_longer = raw[at - 1 : at], marked[end : end + 1] == b"0"
        if before == b"-" or (before != b"." and is_longer):
            return True
        while marked[end : end + 1] == b"0":
            end += 1
        at = marked.find(_LONG_INTEGER, end)
    return False


def _may_be_object(raw: bytes) -> bool:
    """Whether it begins as JSON does that holds an object, in any of its encodings."""
    head = raw[:64].lstrip()
    return not head or head.startswith((b"{", b"\0", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))


def check_object(body: Any) -> dict[str, Any]:
    """Only objects are bodies.

    Raises:
        InputError: another kind of JSON value.
    """
    if not isinstance(body, dict):
        raise InputError(f"the body: expected a JSON object, got {describe_json_type(body)}")
    return body


def describe_json_type(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def decompress_gzip(raw: bytes, limit: int) -> bytes:
    """Undo gzip (all members), never holding more than ``limit`` bytes of it.

    Raises:
        MalformedBodyError: not gzip, or cut short.
        BodyTooLargeError: more than ``limit`` bytes come out.
    """
    body = BytesIO()  # gives what it holds without a copy
    size = at = 0
    try:
        while not at or at < len(raw):
            member = zlib.decompressobj(_GZIP_WINDOW)
            while not member.eof:
                piece = raw[at : at + _GZIP_PIECE]
                if not piece:
                    raise zlib.error("it is cut short")
                size += body.write(member.decompress(piece, limit + 1 - size))
                at += len(piece) - len(member.unused_data)
                if size > limit:
                    raise BodyTooLargeError(f"the decoded body has over {limit} bytes, the limit")
    except zlib.error as error:
        raise MalformedBodyError(f"the body is not gzip as its header claims: {error}") from error
    return body.getvalue()


def encode_json(value: Any, is_result: bool = False) -> bytes:
    """A value as JSON: NumPy of all kinds, NaN and infinities as ``null``.

    A result is written as ClearML's ``jsonable_encoder`` has it.

    Raises:
        ResultError: something that JSON cannot hold; says what.
    """
    try:
        encoded = orjson.dumps(value, default=_convert, option=_ORJSON_OPTIONS)
        find = encoded.find  # `in` takes ten times as long
        if find(_NAT) < 0 and find(_NAT_OF_DAYS) < 0 and not (is_result and find(b'"_sa') >= 0):
            return encoded
    except orjson.JSONEncodeError:
        pass
    from lambda_serving.messages.jsonable import encode

    return encode(value, is_result)


def _convert(value: Any) -> Any:
    """NumPy's arrays that orjson refuses for their layout; whatever else it refuses is not for it.

    Nothing is read here that can be read only once: a generator must be whole for what follows.
    """
    kind = type(value)
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray" and value.dtype.kind in "biufU":
        if value.dtype.char != "g":  # a longdouble
            return value.tolist()
    raise TypeError


def measure_answer(answer: dict[str, Any]) -> int:
    """Bytes of a Lambda's answer with a ``body`` of text. They are exact only near the limit."""
    size = len(answer["body"])
    # JSON escapes a character in six bytes at most.
    return size if size * 6 < PAYLOAD_LIMIT else measure_payload(answer)


def measure_payload(value: Any) -> int:
    """Bytes of a Lambda's answer: its runtime client puts a space after each comma and colon.

    ``value`` is of plain JSON values (awslambdaric, lambda_runtime_marshaller.py: the defaults of
    the standard library's encoder, but for ``ensure_ascii=False``).
    """
    return len(json.dumps(value, ensure_ascii=False).encode())

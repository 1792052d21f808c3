"""Bytes to bodies and results to bytes."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from typing import Any

import orjson

from lambda_serving.errors import (
    BodyTooLargeError,
    InputError,
    MalformedBodyError,
    ResultError,
    UnsupportedEncodingError,
)

JSON = "application/json"
BYTES = "application/octet-stream"

_ORJSON_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_PIECE = 8192
"""Bytes. At the end of each member zlib copies what is left of its piece: members may be tiny."""


def is_json(content_type: str) -> bool:
    """Whether a content type is ``application/json`` or ends in ``+json``."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence == JSON or essence.endswith("+json")


def decode_base64(text: str | bytes) -> bytes:
    """Strict base64.

    Raises:
        MalformedBodyError: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedBodyError(f"the body is not base64: {error}") from error


def decode_body(
    raw: bytes, content_type: str, content_encoding: str, limit: int
) -> dict[str, Any] | bytes:
    """What ``preprocess`` gets: a dict for JSON, else the bytes.

    ``limit`` is in bytes, after decompression.

    Raises:
        UnsupportedEncodingError, MalformedBodyError, BodyTooLargeError, InputError
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        raw = decompress_gzip(raw, limit)
    elif encoding not in ("", "identity"):
        raise UnsupportedEncodingError(
            f"content encoding: expected gzip or identity, got {content_encoding!r}"
        )
    if len(raw) > limit:
        raise BodyTooLargeError(f"the body has {len(raw)} bytes, the limit is {limit}")
    if not is_json(content_type):
        return raw
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBodyError(f"the body is not JSON: {error}") from error
    return check_object(body)


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
    parts: list[bytes] = []
    size = at = 0
    while not parts or at < len(raw):
        member = zlib.decompressobj(_GZIP_WINDOW)
        while not member.eof:
            piece = raw[at : at + _GZIP_PIECE]
            if not piece:
                raise _refuse_gzip("it is cut short")
            try:
                parts.append(member.decompress(piece, limit + 1 - size))
            except zlib.error as error:
                raise _refuse_gzip(str(error)) from error
            at += len(piece) - len(member.unused_data)
            size += len(parts[-1])
            if size > limit:
                raise BodyTooLargeError(f"the decoded body has over {limit} bytes, the limit")
    return b"".join(parts)


def _refuse_gzip(reason: str) -> MalformedBodyError:
    return MalformedBodyError(f"the body is not gzip as its header claims: {reason}")


def encode_json(value: Any) -> bytes:
    """A result as JSON: NumPy of all kinds, NaN and infinities as ``null``.

    Raises:
        ResultError: something that JSON cannot hold; says what.
    """
    try:
        return orjson.dumps(value, default=_convert, option=_ORJSON_OPTIONS)
    except orjson.JSONEncodeError:
        # What orjson refuses and JSON allows: integers over 64 bits, nesting over 254 levels.
        try:
            return json.dumps(_purge(value), separators=(",", ":"), ensure_ascii=False).encode()
        except RecursionError as error:
            raise ResultError("the result refers to itself or is nested too deeply") from error
        except UnicodeEncodeError as error:
            raise ResultError("the result holds text that is not valid Unicode") from error


def measure_payload(value: Any) -> int:
    """Bytes of a Lambda's answer: its runtime client puts a space after each comma and colon.

    ``value`` is of plain JSON values (awslambdaric, lambda_runtime_marshaller.py: the defaults of
    the standard library's encoder, but for ``ensure_ascii=False``).
    """
    return len(json.dumps(value, ensure_ascii=False).encode())


def _convert(value: Any) -> Any:
    """What orjson does not know: arrays it refuses (order, type), sets, and the like."""
    if hasattr(value, "tolist"):
        plain = value.tolist()
        if type(plain) is not type(value):
            return plain
        # Python has no type for NumPy's longdouble.
        if str(getattr(value, "dtype", "")).startswith("float"):
            return float(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, set | frozenset):
        return list(value)
    raise ResultError(f"the result: expected what JSON can hold, got {type(value).__name__}")


def _purge(value: Any) -> Any:
    """Plain JSON values for the standard library's encoder."""
    if isinstance(value, dict):
        return {_purge_key(key): _purge(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_purge(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    try:
        return orjson.loads(orjson.dumps(value, default=_convert, option=_ORJSON_OPTIONS))
    except orjson.JSONEncodeError:
        return _purge(_convert(value))


def _purge_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    plain = key.item() if hasattr(key, "item") else key
    if plain is key:
        return str(key)
    return _purge_key(plain)

import gzip
import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from lambda_serving.errors import (
    BodyTooLargeError,
    InputError,
    MalformedBodyError,
    ResultError,
    UnsupportedEncodingError,
)
from lambda_serving.messages.encoding import decode_base64, decode_body, encode_json, is_json

LIMIT = 1000


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/vnd.api+json", True),
        ("application/jsonlines", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_is_json(content_type: str, expected: bool) -> None:
    assert is_json(content_type) is expected


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " x-gzip "])
def test_gzip(encoding: str) -> None:
    packed = gzip.compress(b'{"a": 1}')
    assert decode_body(packed, "application/json", encoding, LIMIT) == {"a": 1}
    assert decode_body(packed, "text/plain", encoding, LIMIT) == b'{"a": 1}'


def test_gzip_of_several_members() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    assert decode_body(packed, "", "gzip", LIMIT) == b"one two"


def test_gzip_of_many_members() -> None:
    """Members that end in the middle of the pieces that zlib gets, at their ends and far behind."""
    packed = gzip.compress(b"") * 60_000 + gzip.compress(b"end" * 10_000)
    assert decode_body(packed, "", "gzip", 10**6) == b"end" * 10_000


@pytest.mark.parametrize(
    "raw", [b"", b"plain", gzip.compress(b"x" * 500)[:-9]], ids=["empty", "plain", "cut short"]
)
def test_not_gzip(raw: bytes) -> None:
    with pytest.raises(MalformedBodyError, match="not gzip as its header claims"):
        decode_body(raw, "", "gzip", LIMIT)


@pytest.mark.parametrize("members", [1, 3])
def test_decoded_limit(members: int) -> None:
    """A bomb is refused without being unpacked, in one member or in several."""
    packed = gzip.compress(bytes(10_000_000 if members == 1 else LIMIT // 2)) * members
    with pytest.raises(BodyTooLargeError, match="limit"):
        decode_body(packed, "", "gzip", LIMIT)
    assert decode_body(gzip.compress(bytes(LIMIT)), "", "gzip", LIMIT) == bytes(LIMIT)


def test_plain_limit() -> None:
    with pytest.raises(BodyTooLargeError, match="1001 bytes, the limit is 1000"):
        decode_body(bytes(1001), "", "", LIMIT)


def test_unknown_encoding() -> None:
    with pytest.raises(UnsupportedEncodingError, match="expected gzip or identity, got 'br'"):
        decode_body(b"", "", "br", LIMIT)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"a": nan}', b"{'a': 1}"])
def test_not_json(raw: bytes) -> None:
    with pytest.raises(MalformedBodyError, match="not JSON"):
        decode_body(raw, "application/json", "", LIMIT)


@pytest.mark.parametrize(
    ("raw", "came"),
    [
        (b"[1]", "an array"),
        (b'"x"', "a string"),
        (b"3", "a number"),
        (b"3.5", "a number"),
        (b"true", "a boolean"),
        (b"null", "null"),
    ],
)
def test_json_but_no_object(raw: bytes, came: str) -> None:
    with pytest.raises(InputError, match=f"expected a JSON object, got {came}"):
        decode_body(raw, "application/json", "", LIMIT)


@pytest.mark.parametrize("text", ["a", "????", "YQ=", "YQ==\n"])
def test_base64_is_strict(text: str) -> None:
    with pytest.raises(MalformedBodyError, match="not base64"):
        decode_base64(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.array([0.5, np.nan], dtype=np.longdouble), [0.5, None]),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array([1, 2], dtype=np.int8), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([["a", None]], dtype=object), [["a", None]]),
        (np.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
        (np.array([1.0, np.nan, np.inf, -np.inf]), [1.0, None, None, None]),
        (np.array([np.nan], dtype=">f8"), [None]),
        (np.zeros((0, 3)), []),
        (np.array(5), 5),
        (float("nan"), None),
        ({"a": [float("inf")]}, {"a": [None]}),
        ((1, (2,)), [1, [2]]),
        ({1: "int", None: "null", 1.5: "float"}, {"1": "int", "null": "null", "1.5": "float"}),
        ({True: "bool"}, {"true": "bool"}),
        ({np.int64(7): "x"}, {"7": "x"}),
        ({3}, [3]),
        (2**80, 2**80),
        ({"big": 2**80, "n": np.float32(1), "nan": float("nan")}, {"big": 2**80, "n": 1.0}),
        (date(2024, 5, 1), "2024-05-01"),
        ("ünïcode", "ünïcode"),
        (None, None),
    ],
)
def test_results(value: Any, expected: Any) -> None:
    answer = json.loads(encode_json(value))
    if isinstance(expected, dict):
        assert answer.items() >= expected.items()
    else:
        assert answer == expected


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_deeper_than_orjson_goes() -> None:
    assert json.loads(encode_json(nest(300))) == nest(300)


def test_keys_of_the_fallback() -> None:
    value = {"big": 2**80, 1: "a", np.int64(2): "b", None: "c", np.str_("s"): "d"}
    assert json.loads(encode_json(value)) == {
        "big": 2**80,
        "1": "a",
        "2": "b",
        "null": "c",
        "s": "d",
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": b"\xff"}, "UnicodeDecodeError"),
        ([object()], "got object"),
        ({"big": 2**80, "x": object()}, "got object"),
        ("\ud800", "not valid Unicode"),
        (nest(100_000), "nested too deeply"),
    ],
)
def test_what_json_cannot_hold(value: Any, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        encode_json(value)


def test_a_result_that_holds_itself() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ResultError, match="refers to itself"):
        encode_json(value)

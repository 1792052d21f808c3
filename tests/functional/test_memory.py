"""No request ends an environment by memory: real processes with a real limit of it."""

import base64
import gzip
import json
import time
from functools import cache
from typing import Any

import pytest

from tests.functional.pipelines import ProcessMaker, post

CODE = """
import resource

import numpy as np

def read(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))

class Preprocess:
    def __init__(self):
        memory = {megabytes} * 1024 * 1024
        # What a process maps at its start is no memory yet.
        limit = read("VmSize") - read("VmRSS") + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def process(self, data, state, collect):
        make = data.get("make") if isinstance(data, dict) else None
        if make == "bytes":
            return bytes(8_000_000)
        if make == "an array":
            return {{"y": np.zeros(8_000_000, dtype=np.int8)}}
        if make == "a stream":
            return Endless()
        return {{"size": len(data), "peak": read("VmHWM")}}

class Endless:
    status_code, raw_headers = 200, []

    async def __call__(self, scope, receive, send):
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        while True:
            await send({{"type": "http.response.body", "body": bytes(100_000), "more_body": True}})
"""
JSON, BYTES = "application/json", "application/octet-stream"


def fill(item: bytes, size: int) -> bytes:
    """An object with a list of ``size`` bytes of the same item."""
    return b'{"a":[' + item * (size // len(item)) + b"0]}"


@cache
def make_bomb() -> bytes:
    return gzip.compress(fill(b"{},", 60_000_000))


def make_requests() -> dict[str, tuple[bytes, dict[str, str], int]]:
    """Body, headers, status. What is refused at 256 MB, too, is refused for its kind."""
    bomb = make_bomb()
    return {
        "a bomb": (bomb, {"content-type": JSON, "content-encoding": "gzip"}, 413),
        "an untyped bomb": (bomb, {"content-encoding": "gzip"}, 413),
        "a bomb of bytes": (bomb, {"content-type": BYTES, "content-encoding": "gzip"}, 413),
        "many members": (
            gzip.compress(bytes(1_000_000)) * 60,
            {"content-type": BYTES, "content-encoding": "gzip"},
            413,
        ),
        "gzip of gzip": (
            gzip.compress(bomb),
            {"content-type": BYTES, "content-encoding": "gzip"},
            200,
        ),
        "deflate": (bomb, {"content-type": JSON, "content-encoding": "deflate"}, 415),
        "empty objects": (fill(b"{},", 4_000_000), {"content-type": JSON}, 413),
        "nested": (fill(b"[" * 500 + b"]" * 500 + b",", 4_000_000), {"content-type": JSON}, 413),
        "deep": (b'{"a":' * 800_000, {"content-type": JSON}, 413),
        "numbers": (fill(b"0.25,", 1_000_000), {"content-type": JSON}, 200),
        "a wide text": (
            ('{"a":"' + "x" * 3_000_000 + '😀"}').encode(),
            {"content-type": JSON},
            200,
        ),
        "in UTF-16": (fill(b"{},", 2_000_000).decode().encode("utf-16"), {}, 413),
        "bytes": (bytes(4_400_000), {"content-type": BYTES}, 200),
        "bytes without a type": (b"\xff\xd8" + bytes(4_400_000), {}, 200),
    }


def make_event(body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    event = post("/serve/full")
    del event["headers"]["content-type"]
    event["headers"] |= headers
    return event | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


@pytest.mark.parametrize("megabytes", [128, 256])
def test_bodies(start_process: ProcessMaker, megabytes: int) -> None:
    process = start_process(
        "full",
        CODE.format(megabytes=megabytes),
        imports=(),
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(megabytes),
    )
    for name, (body, headers, status) in make_requests().items():
        started = time.monotonic()
        answer = process.invoke(make_event(body, headers)).json()
        assert time.monotonic() - started < 20, name
        fits = megabytes > 128 and name in ("in UTF-16",)
        assert answer["statusCode"] == (200 if fits else status), (name, answer["body"])
        if status == 413 and not fits:
            assert json.loads(answer["body"])["type"] == "BodyTooLargeError"

    envelope = {"protocol": 1, "content_type": "text/plain", "content_encoding": "gzip"}
    bomb = {"serving": envelope, "body": base64.b64encode(make_bomb()).decode()}
    assert process.invoke(bomb).error_type == "BodyTooLargeError"

    for make in ("bytes", "an array", "a stream"):
        answer = process.invoke(post("/serve/full", make=make)).json()
        assert json.loads(answer["body"])["type"] == "ResultTooLargeError", make
        assert process.invoke({"make": make}).error_type == "ResultTooLargeError", make
    peak = process.invoke({}).json()["peak"]
    assert peak < megabytes * 1024 * 1024


def test_the_setting_overrides_the_bytes(start_process: ProcessMaker) -> None:
    code = CODE.format(megabytes=1024)
    process = start_process(
        "full", code, AWS_LAMBDA_FUNCTION_MEMORY_SIZE="1024", SERVING_MAX_BODY_BYTES="1000"
    )
    answer = process.invoke(make_event(bytes(1001), {"content-type": BYTES})).json()
    assert answer["statusCode"] == 413
    assert "the limit is 1000" in answer["body"]

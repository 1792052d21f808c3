"""Shapes by what comes in, and by what goes wrong."""

import re

from tests.contract.running import BYTES, Run
from tests.contract.shape import ANSWER, CUSTOM_ENGINES, PLAIN, Check, Shape, leave_out

COLLECT = {
    "positional": "self, body, state, collect_custom_statistics_fn",
    "default": "self, body, state, collect_custom_statistics_fn=None",
    "other_name": "self, body, state, collect",
    "annotated": "self, body: bytes | dict, state: dict, collect_custom_statistics_fn: object",
    "variadic": "self, body, *others",
    "further_defaults": "self, body, state, collect_custom_statistics_fn=None, scale=1, **more",
}
GUARDED = """
$imports

class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        if collect_custom_statistics_fn:
            collect_custom_statistics_fn({"a": body["a"]})
            collect_custom_statistics_fn({"b": body["b"]})
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        if collect_custom_statistics_fn:
            collect_custom_statistics_fn({"y": float(np.ravel(data)[0])})
        return {"y": float(np.ravel(data)[0])}
"""
BODY_KIND = """
$imports

class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        state["kind"] = type(body).__name__
        state["size"] = len(body)
        body = {"a": 1.0, "b": 2.0}
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "kind": state["kind"], "size": state["size"]}
"""


def raising(line: str, stage: str = "preprocess", imports: str = "") -> str:
    """A class whose ``stage`` runs ``line``."""
    methods = "" if stage == "preprocess" else ANSWER.replace(f"def {stage}", "def _other")
    return (
        f"$imports\n{imports}\n\nclass Preprocess:\n{methods}\n"
        f"    def {stage}(self, data, state, collect_custom_statistics_fn):\n        {line}\n"
    )


def expects_teapot(run: Run) -> None:
    outcome = run.ask()
    assert (outcome.status, outcome.type) == (418, "HTTPException"), outcome
    assert outcome.value["detail"] == {"tea": 1}
    assert outcome.headers is None or outcome.headers["x-reason"] == "teapot"


def expects_kind(kind: str, size: int, body: bytes, content_type: str, encoding: str = "") -> Check:
    def check(run: Run) -> None:
        run.expect({"y": run.y, "kind": kind, "size": size}, body, None, content_type, encoding)

    return check


def expects_value_error(run: Run) -> None:
    assert run.expect_error(422, "ValueError", "preprocess") == "a: expected a number"


def expects_own_error(run: Run) -> None:
    detail = run.expect_error(500, "TeapotError", "preprocess")
    assert "s3://secret" not in detail
    assert "s3://secret" in run.caplog.text
    assert "Traceback" in run.caplog.text or any(r.exc_info for r in run.caplog.records)


def goes_on_after(run: Run) -> None:
    """An error of one request leaves the next one alone."""
    assert run.ask({"a": 1.0}).status == 500
    run.expect({"y": run.y})


def refuses_the_shape(run: Run) -> None:
    """What the model cannot take is the caller's fault, told without a path."""
    outcome = run.ask()
    assert outcome.status == 422, outcome
    assert outcome.value["stage"] == "process"
    assert not re.search(r"/\w+/", outcome.value["detail"]), outcome


WRONG_WIDTH = PLAIN.replace("$rows", "$wide")
TEAPOT = 'raise HTTPException(418, {"tea": 1}, headers={"x-reason": "teapot"})'
OWN_TEAPOT = (
    "class HTTPException(Exception):\n    status_code = 418\n    detail = {'tea': 1}\n"
    "    headers = {'x-reason': 'teapot'}\n"
)
RAW = bytes(range(256))

REQUESTS = (
    *(
        Shape(f"collect_{kind}", PLAIN.replace(COLLECT["positional"], signature))
        for kind, signature in COLLECT.items()
        if kind != "positional"
    ),
    Shape("collect_guarded_calls", GUARDED),
    Shape(
        "body_json_gzip",
        BODY_KIND,
        expects_kind("dict", 2, b'{"a": 1.0, "b": 2.0}', "application/json", "gzip"),
    ),
    Shape("body_bytes", BODY_KIND, expects_kind("bytes", 256, RAW, BYTES)),
    Shape("body_bytes_gzip", BODY_KIND, expects_kind("bytes", 256, RAW, BYTES, "gzip")),
    Shape("body_bytes_of_csv", BODY_KIND, expects_kind("bytes", 7, b"a,b\n1,2", "text/csv")),
    Shape("body_empty_bytes", BODY_KIND, expects_kind("bytes", 0, b"", BYTES)),
    Shape("body_empty_object", BODY_KIND, expects_kind("dict", 0, b"{}", "application/json")),
    Shape(
        "http_exception_fastapi",
        raising(TEAPOT, imports="from fastapi import HTTPException"),
        expects_teapot,
    ),
    Shape(
        "http_exception_starlette",
        raising(TEAPOT, imports="from starlette.exceptions import HTTPException"),
        expects_teapot,
    ),
    Shape(
        "http_exception_of_ones_own",
        OWN_TEAPOT + raising("raise HTTPException()"),
        expects_teapot,
    ),
    Shape(
        "http_exception_in_postprocess",
        PLAIN.replace("def postprocess", "def unused")
        + "\n    async def postprocess(self, data, state, collect_custom_statistics_fn):\n"
        "        from fastapi import HTTPException\n        " + TEAPOT + "\n",
        expects_teapot,
    ),
    Shape("value_error", raising('raise ValueError("a: expected a number")'), expects_value_error),
    Shape(
        "own_exception",
        raising(
            'raise TeapotError("s3://secret")', imports="class TeapotError(Exception):\n    pass"
        ),
        expects_own_error,
    ),
    Shape("error_then_served", PLAIN, goes_on_after),
    Shape(
        "wrong_width",
        WRONG_WIDTH,
        refuses_the_shape,
        meaningless=leave_out(CUSTOM_ENGINES, "the user's own process takes what it likes"),
    ),
)

"""Shapes by what ``postprocess`` returns."""

from typing import Any

from tests.contract.running import Run
from tests.contract.shape import Check, Shape

NUMPY = """{
    "array": np.arange(4).reshape(2, 2),
    "fortran": np.asfortranarray(np.arange(4).reshape(2, 2)),
    "strided": np.arange(6)[::2],
    "zero_d": np.array(1.5),
    "empty": np.empty((0, 3)),
    "float16": np.float16(0.5),
    "float32": np.float32(0.5),
    "float64": np.float64(0.5),
    "int8": np.int8(-1),
    "uint64": np.uint64(2**64 - 1),
    "bool": np.bool_(True),
    "bools": np.array([True, False]),
    "half": np.array([0.5], dtype=np.float16),
    "text": np.str_("a"),
    "texts": np.array(["a", "ü"]),
    "objects": np.array([1, "a", None], dtype=object),
    "in_list": [np.float32(0.5), np.arange(2), (np.int64(1),)],
    np.int64(7): "key",
}"""
NUMPY_PLAIN = {
    "array": [[0, 1], [2, 3]],
    "fortran": [[0, 1], [2, 3]],
    "strided": [0, 2, 4],
    "zero_d": 1.5,
    "empty": [],
    "float16": 0.5,
    "float32": 0.5,
    "float64": 0.5,
    "int8": -1,
    "uint64": 2**64 - 1,
    "bool": True,
    "bools": [True, False],
    "half": [0.5],
    "text": "a",
    "texts": ["a", "ü"],
    "objects": [1, "a", None],
    "in_list": [0.5, [0, 1], [1]],
    "7": "key",
}
NOT_FINITE = """{
    "plain": [float("nan"), float("inf"), -float("inf"), 1.0],
    "array": np.array([np.nan, np.inf, 1.0], dtype=np.float32),
    "half": np.array([np.nan, 1.0], dtype=np.float16),
    "scalar": np.float32("nan"),
    "zero_d": np.array(np.inf),
    "objects": np.array([np.nan, 1], dtype=object),
}"""
NOT_FINITE_PLAIN = {
    "plain": [None, None, None, 1.0],
    "array": [None, None, 1.0],
    "half": [None, 1.0],
    "scalar": None,
    "zero_d": None,
    "objects": [None, 1],
}
NESTED = 'functools.reduce(lambda inner, _: {"in": [inner]}, range(150), 1)'
BIG = '{"rows": [{"id": i, "text": "x" * 40, "values": [0.5] * 10} for i in range(5000)]}'


def returning(expression: str, imports: str = "") -> str:
    """A class whose ``postprocess`` returns ``expression``, after a real run of the model."""
    return (
        f"import functools\n$imports\nimport numpy as np\n{imports}\n\nclass Preprocess:\n"
        "    def preprocess(self, body, state, collect_custom_statistics_fn):\n"
        "        return $rows\n$process\n"
        "    def postprocess(self, data, state, collect_custom_statistics_fn):\n"
        f"        return {expression}\n"
    )


def gives(value: Any) -> Check:
    """The very value, with its types: True is not 1."""

    def check(run: Run) -> None:
        outcome = run.ask()
        assert outcome.status == 200, outcome
        assert repr(outcome.value) == repr(value)

    return check


def gives_nested(run: Run) -> None:
    value: Any = 1
    for _ in range(150):
        value = {"in": [value]}
    gives(value)(run)


def gives_big(run: Run) -> None:
    outcome = run.ask()
    assert outcome.status == 200
    assert len(outcome.value["rows"]) == 5000
    assert outcome.value["rows"][-1] == {"id": 4999, "text": "x" * 40, "values": [0.5] * 10}


def names_size_and_limit(run: Run) -> None:
    detail = run.expect_error(500, "ResultTooLargeError", "result")
    assert str(6 * 1024 * 1024) in detail, detail


def names_the_type(run: Run) -> None:
    assert "object" in run.expect_error(500, "ResultError", "result")


def goes_out_as_it_is(status: int, value: Any, content_type: str) -> Check:
    """Status, headers and body by HTTP; a direct invoke has only the body to give."""

    def check(run: Run) -> None:
        outcome = run.ask()
        if outcome.headers is not None:
            assert (outcome.status, outcome.headers["content-type"]) == (status, content_type)
            assert outcome.headers["x-own"] == "1"
        read = outcome.value
        wanted = value.encode() if isinstance(value, str) else value
        assert (read.encode() if isinstance(read, str) else read) == wanted

    return check


def response(kind: str, content: str, **options: Any) -> str:
    extra = "".join(f", {name}={value!r}" for name, value in options.items())
    return returning(
        f'{kind}({content}, headers={{"x-own": "1"}}{extra})',
        f"from starlette.responses import {kind}",
    )


RESULTS = (
    Shape("result_numpy", returning(NUMPY), gives(NUMPY_PLAIN)),
    Shape("result_numpy_scalar", returning("np.float32(0.5)"), gives(0.5)),
    Shape("result_numpy_array", returning("np.arange(3)"), gives([0, 1, 2])),
    Shape("result_nan", returning(NOT_FINITE), gives(NOT_FINITE_PLAIN)),
    Shape("result_big_integers", returning("[2**70, float('nan')]"), gives([2**70, None])),
    Shape("result_none", returning("None"), gives(None)),
    Shape(
        "result_list",
        returning("[1, 'a', None, True, (1, 2)]"),
        gives([1, "a", None, True, [1, 2]]),
    ),
    Shape("result_text", returning("'grüße'"), gives("grüße")),
    Shape("result_nested_deep", returning(NESTED), gives_nested),
    Shape("result_big", returning(BIG), gives_big),
    Shape("result_over_the_limit", returning('"x" * 7_000_000'), names_size_and_limit),
    Shape("result_not_json", returning('{"a": object()}'), names_the_type),
    Shape("result_bytes", returning("bytes(range(256))"), gives(bytes(range(256)))),
    Shape("result_bytearray", returning("bytearray(b'ab')"), gives(b"ab")),
    Shape("result_empty_bytes", returning("b''"), gives(b"")),
    Shape("result_bytes_over_the_limit", returning("bytes(7_000_000)"), names_size_and_limit),
    Shape(
        "response_json",
        response("JSONResponse", '{"a": 1}', status_code=201),
        goes_out_as_it_is(201, {"a": 1}, "application/json"),
    ),
    Shape(
        "response_text",
        response("PlainTextResponse", '"hello"'),
        goes_out_as_it_is(200, "hello", "text/plain; charset=utf-8"),
    ),
    Shape(
        "response_image",
        response("Response", "bytes(range(256))", media_type="image/png"),
        goes_out_as_it_is(200, bytes(range(256)), "image/png"),
    ),
    Shape(
        "response_stream",
        response("StreamingResponse", 'iter(["a", "b"])', media_type="text/csv"),
        goes_out_as_it_is(200, "ab", "text/csv; charset=utf-8"),
    ),
    Shape(
        "response_of_fastapi",
        response("JSONResponse", "[1]").replace("starlette", "fastapi"),
        goes_out_as_it_is(200, [1], "application/json"),
    ),
)

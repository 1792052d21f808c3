"""Every row of result_rows.py by the real handler, beside what ClearML's own functions answer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler
from tests.contract import clearml_answers
from tests.contract.result_rows import GROUPS, SETUP, Row
from tests.contract.results_page import BEGIN, PAGE, render
from tests.contract.running import (
    EVENT_SOURCES,
    Outcome,
    call_directly,
    make_http_event,
    read_http_answer,
)

TOML = 'endpoint = "shape"\nengine = "custom"\n'
CODE = (
    SETUP
    + '''

class Failing:
    """Whose code fails where its instance is read."""

    def __init__(self, where):
        self.where = where

    def __iter__(self):
        if self.where == "__iter__":
            raise SystemExit("secret")
        raise TypeError

    @property
    def __dict__(self):
        raise KeyError("secret")


class FailingModel(pydantic.BaseModel):
    def model_dump(self, **options):
        raise ValueError("secret")


class FailingDict(dict):
    def items(self):
        raise OSError("secret")


def fail():
    yield 1
    raise KeyError("secret")


def nest(depth, value=1):
    for _ in range(depth):
        value = [value]
    return value


def circle(value):
    value.append(value)
    return value


class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        return eval(data["code"])
'''
)
ROWS = [row for rows in GROUPS.values() for row in rows]


@pytest.fixture
def ask(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[[str, str], Outcome]:
    handler = start_handler(make_folder(TOML, CODE))

    def ask(code: str, source: str) -> Outcome:
        raw = json.dumps({"code": code}).encode()
        if source == "http":
            event = make_http_event(raw, None, "application/json", "")
            return read_http_answer(handler(event))
        return call_directly(handler, json.loads(raw))

    return ask


def write(value: Any) -> str:
    """With its types: 1 is not 1.0 here."""
    return json.dumps(value, sort_keys=True)


def test_every_row(ask: Callable[[str, str], Outcome]) -> None:
    for row in ROWS:
        for source in EVENT_SOURCES:
            outcome = ask(row.code, source)
            wanted = (200, write(row.json))
            assert (outcome.status, write(outcome.value)) == wanted, (row.code, source, outcome)


@pytest.mark.parametrize("row", ROWS, ids=[row.code for row in ROWS])
def test_row_of_clearml(row: Row) -> None:
    """The same there; or not, and then the row says why."""
    names: dict[str, Any] = {"__name__": "rows"}
    sys.modules["rows"] = sys  # dataclasses looks its module up
    exec(SETUP, names)
    theirs = clearml_answers.answer(eval(row.code, names))
    assert (write(theirs) == write(row.json)) == (not row.reason), theirs


def test_rows_in_company(ask: Callable[[str, str], Outcome]) -> None:
    """A value that orjson refuses sends all others the other way: they come out alike."""
    for row in ROWS:
        outcome = ask(f"[{row.code}, 2**70, Plain()]", "http")
        wanted = [row.json, 2**70, {"a": 1, "_b": [2]}]
        assert write(outcome.value) == write(wanted), row.code


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("object()", "got object"),
        ("1j", "got complex"),
        ("np.complex64(1)", "got complex"),
        ('{"a": memoryview(b"\\xff")}', "UnicodeDecodeError"),
        ("{(1, 2): 3}", "expected a key that JSON can hold, got list"),
        ('"\\ud800"', "not valid Unicode"),
        ('Failing("__iter__")', "SystemExit"),
        ('[Failing("__dict__")]', "KeyError"),
        ("FailingModel()", "ValueError"),
        ("FailingDict(a=1)", "OSError"),
        ("fail()", "KeyError"),
        ("10**5000", "ValueError"),
        ("circle([])", "refers to itself"),
        ("circle(deque())", "refers to itself"),
        ("nest(100_000)", "nested too deeply"),
        ('np.datetime64("20000-01-01")', "the years 1 to 9999"),
        ('pd.Series([1, 2], index=["a", "a"])', "a Series has a label twice"),
        ('pd.DataFrame([[1, 2]], columns=["a", "a"])', "a DataFrame has a label twice"),
    ],
)
@pytest.mark.parametrize("source", EVENT_SOURCES)
def test_what_no_json_holds(
    ask: Callable[[str, str], Outcome], code: str, detail: str, source: str
) -> None:
    outcome = ask(code, source)
    assert (outcome.status, outcome.type) == (500, "ResultError"), outcome
    assert outcome.value["stage"] == "result"
    assert detail in outcome.value["detail"]
    assert "secret" not in outcome.value["detail"]
    assert ask("1", source).value == 1


def test_nested_as_deep_as_there(ask: Callable[[str, str], Outcome]) -> None:
    """Its own limit is that of Python's stack, where its server stands too."""
    assert ask("nest(900)", "http").status == 200


def test_a_key_of_a_request_stays(ask: Callable[[str, str], Outcome]) -> None:
    """`_sa` is left out of results alone: what an endpoint sends to another is not one."""
    from lambda_serving.messages.encoding import encode_json

    assert json.loads(encode_json({"_sample": 1, "b": {2}})) == {"_sample": 1, "b": [2]}


def test_the_page_is_written_from_the_rows() -> None:
    page = PAGE.read_text()
    assert page.partition(BEGIN)[2] == render(), "python -m tests.contract.results_page"


def test_plain_results_need_no_further_module() -> None:
    probe = (
        "import sys, numpy\nfrom lambda_serving.messages.encoding import encode_json\n"
        "encode_json({'y': [0.5, numpy.arange(3)[::2], numpy.float32(1)]}, is_result=True)\n"
        "assert 'lambda_serving.messages.jsonable' not in sys.modules\n"
        "encode_json({'y': {1}}, is_result=True)\n"
        "assert 'lambda_serving.messages.jsonable' in sys.modules\n"
        "assert not {'pydantic', 'pandas', 'fastapi'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)

"""``[traffic]`` between an endpoint's own versions, with its circuit breaker, by the handler."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lambda_serving.versions.traffic_split import TrafficSplit
from tests.conftest import Handler
from tests.emf import read_records
from tests.functional.pipelines import post

TOML = """
endpoint = "split"
engine = "custom"
[version.2]
preprocess = "v2/preprocess.py"
[version.3]
preprocess = "v3/preprocess.py"
[traffic]
"""
CODE = """
class Preprocess:
    def preprocess(self, data, state, collect):
        if VERSION in data.get("missing", ()):
            raise ValueError("missing")
        return data

    def process(self, data, state, collect):
        if VERSION in data.get("broken", ()):
            raise RuntimeError("broken")
        if VERSION in data.get("refused", ()):
            raise ValueError("refused")
        return {"version": VERSION}
"""
ONE_IN_TEN = 'weights = { "2" = 0.1, "1" = 0.9 }'
MANY = 2_000

Start = Callable[..., Handler]


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Start]:  # fmt: skip
    """Versions 1 to 3; which one a request goes to is the same in each run of the tests.

    Thousands of tracebacks and records would take minutes: what the circuit breaker logs is enough.
    """
    logger = logging.getLogger("lambda_serving")
    monkeypatch.setattr(TrafficSplit.__init__, "__defaults__", (Random(1).random,))

    def is_told(record: logging.LogRecord) -> bool:
        return record.exc_info is None

    def start(traffic: str, metrics_off: str = "true") -> Handler:
        code = {number: CODE.replace("VERSION", str(number)) for number in (1, 2, 3)}
        files = {f"v{number}/preprocess.py": code[number] for number in (2, 3)}
        folder = make_folder(TOML + traffic, code[1], files)
        return start_handler(folder, POWERTOOLS_METRICS_DISABLED=metrics_off)

    logger.addFilter(is_told)
    yield start
    logger.removeFilter(is_told)


def ask(handler: Handler, times: int = 1, **body: Any) -> Counter[int]:
    """Who answered how often; 0 counts the requests that failed."""
    answered = Counter[int]()
    for _ in range(times):
        try:
            answered[handler(body)["version"]] += 1
        except Exception:  # noqa: BLE001  (its class is made on the spot)
            answered[0] += 1
    return answered


def list_taken_out(handler: Handler) -> list[str]:
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    return list(described.get("taken_out", {}))


def test_weights_split_the_requests(start: Start) -> None:
    """2,000 requests over 0.1 and 0.9 within three standard deviations."""
    answered = ask(start(ONE_IN_TEN), MANY)
    assert set(answered) == {1, 2}
    assert abs(answered[2] - MANY * 0.1) <= 3 * sqrt(MANY * 0.1 * 0.9)


def test_sticky_requests_stay(start: Start) -> None:
    handler = start('latest = [0.5, 0.5]\nsticky = "body:user"')
    given = {user: handler({"user": user})["version"] for user in range(50)}
    assert set(given.values()) == {2, 3}
    assert all(handler({"user": user})["version"] == version for user, version in given.items())


@pytest.mark.parametrize("broken", [1, 2])
def test_the_guard_takes_a_failing_version_out(
    start: Start, broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The canary of few requests as well as the stable version of most."""
    handler = start(ONE_IN_TEN)
    ask(handler, 100)
    assert 20 < ask(handler, 500, broken=[broken])[0] < 200
    assert ask(handler, 50, broken=[broken]) == {3 - broken: 50}
    assert f"version {broken} is taken out of the traffic: 100 % of its requests" in caplog.text
    asked = {"serving": {"protocol": 1, "version": str(broken)}, "body": {}}
    assert handler(asked) == {"version": broken}  # who asks for it gets it
    assert list_taken_out(handler) == [str(broken)]


def test_what_the_guard_takes_out_is_counted(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = start(
        "latest = [0.5, 0.5]\nguard = { errors = 0.5, window = 2 }", metrics_off="false"
    )
    ask(handler, 50, broken=[3])
    taken = [r for r in read_records(capsys.readouterr().out) if "VersionsTakenOut" in r]
    assert [(r["Version"], r["VersionsTakenOut"]) for r in taken] == [("3", 1)]


def test_a_shared_outage_takes_nobody_out(start: Start) -> None:
    """Not when it begins, while it lasts or when it ends; nor does another one after it."""
    handler = start(ONE_IN_TEN)
    for _ in range(5):
        ask(handler, 300)
        assert ask(handler, 300, broken=[1, 2]) == {0: 300}
    assert list_taken_out(handler) == []


def test_two_broken_versions_of_three(start: Start) -> None:
    handler = start('weights = { "3" = 0.2, "2" = 0.2, "1" = 0.6 }')
    ask(handler, 1000, broken=[2, 3])
    assert list_taken_out(handler) == ["2", "3"]
    assert ask(handler, 100, broken=[2, 3]) == {1: 100}


@pytest.mark.parametrize(
    "wrong",
    [{"missing": [1]}, {"missing": [2]}, {"missing": [1, 2]}, {"refused": [1, 2]}],
)
def test_what_callers_do_wrong_is_no_fault_of_a_version(
    start: Start, wrong: dict[str, list[int]]
) -> None:
    """It is refused before the model is asked, or by all versions alike."""
    handler = start(ONE_IN_TEN)
    ask(handler, 300)
    assert ask(handler, 500, **wrong)[0] > 20
    assert list_taken_out(handler) == []


@pytest.mark.parametrize("broken", [1, 2])
def test_a_version_that_refuses_everything_goes_out(start: Start, broken: int) -> None:
    """By its own fault, whatever status it gives it; what comes without a field tells nothing."""
    handler = start(ONE_IN_TEN)
    for _ in range(600):
        ask(handler, 1, refused=[broken])
        ask(handler, 2, missing=[1, 2])
    assert list_taken_out(handler) == [str(broken)]


def test_many_wrong_requests_take_nobody_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six of ten are refused, by either version; for long: tests/unit/test_circuit_breaker.py."""
    draw = Random(0)
    monkeypatch.setattr(TrafficSplit.__init__, "__defaults__", (draw.random,))
    handler = start(ONE_IN_TEN)
    for _ in range(600):
        ask(handler, 1, refused=[1, 2] if draw.random() < 0.6 else [])
    assert list_taken_out(handler) == []


def test_one_sticky_caller_takes_nobody_out(start: Start) -> None:
    """Its wrong requests come to one version alone; other callers of that version are served."""
    handler = start('weights = { "2" = 0.5, "1" = 0.5 }\nsticky = "body:user"')
    for _ in range(60):
        for user in range(8):
            ask(handler, 1, user=user)
        ask(handler, 30, user=0, refused=[1, 2])
    assert list_taken_out(handler) == []
    for user in [*range(20)] * 20:
        ask(handler, 1, user=user, refused=[2])
    assert list_taken_out(handler) == ["2"]


def test_errors_within_the_limit(start: Start) -> None:
    handler = start("latest = [0.5, 0.5]\nguard = { errors = 0.5, window = 10 }")
    for _ in range(100):
        ask(handler, 3, broken=[3])
        ask(handler, 5)
    assert list_taken_out(handler) == []


def test_without_a_guard(start: Start) -> None:
    handler = start(ONE_IN_TEN + "\nguard = false")
    assert ask(handler, 500, broken=[1])[0] > 400


def test_a_version_alone_is_not_taken_out(start: Start) -> None:
    handler = start('weights = { "2" = 1 }')
    assert ask(handler, 100, broken=[2]) == {0: 100}
    assert list_taken_out(handler) == []


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [("2", {}, 200), ("2", {"broken": [2]}, 500), ("3", {"refused": [3]}, 422), ("9", {}, 404)],
)
def test_each_answer_says_its_version(
    start: Start, version: str, body: dict[str, Any], status: int
) -> None:
    """Errors too, by HTTP and by direct invoke; of a version that is unknown there is none."""
    handler = start(ONE_IN_TEN)
    told = None if status == 404 else version
    answer = handler(post(f"/serve/split/{version}", **body))
    assert (answer["statusCode"], answer["headers"].get("x-serving-version")) == (status, told)
    if status >= 400:
        with pytest.raises(Exception, match=f'"status": {status}') as raised:
            handler({"serving": {"protocol": 1, "version": version}, "body": body})
        headers = json.loads(str(raised.value)).get("headers", {})
        assert headers.get("x-serving-version") == told


def test_a_version_that_does_not_load_is_named(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    toml = 'endpoint = "split"\nengine = "custom"\n[version.2]\npreprocess = "v2.py"\n'
    handler = start_handler(make_folder(toml, CODE, {"v2.py": "import gone"}))
    answer = handler(post("/serve/split/2"))
    assert (answer["statusCode"], answer["headers"]["x-serving-version"]) == (503, "2")
    malformed = post("/serve/split") | {"body": "{"}
    answer = handler(malformed)
    assert (answer["statusCode"], answer["headers"]["x-serving-version"]) == (400, "1")
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert described["broken"].keys() == {"2"}
    assert "there is no module 'gone'" in described["broken"]["2"]

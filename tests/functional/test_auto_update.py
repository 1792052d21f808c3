"""``[auto_update]`` and ``[traffic]`` through the real handler, without a restart."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lambda_serving import follower
from tests.conftest import ADDER_CODE, CONTEXT, Handler
from tests.emf import read_records
from tests.events import load_event
from tests.models import make_adder
from tests.registry import Registry
from tests.servers.faults import Fault, slow_down
from tests.servers.s3 import S3Server

TOML = """
endpoint = "adder"
engine = "onnx"
[auto_update]
project = "examples"
name = "adder"
max_versions = 2
poll_seconds = 60
"""
SUM = {"a": 1, "b": 2}


@pytest.fixture
def registry(models: Path) -> Registry:
    return Registry(models)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The follower's clock; `clock.pass_seconds(60)`."""
    clock = SimpleNamespace(now=1000.0)

    def pass_seconds(seconds: float) -> None:
        clock.now += seconds

    clock.pass_seconds = pass_seconds
    monkeypatch.setattr(follower.Follower.__init__, "__defaults__", (lambda: clock.now,))
    return clock


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    def start(more: str = "", **env: str) -> Handler:
        return start_handler(make_folder(TOML + more, ADDER_CODE), **env)

    return start


def post(version: str = "", **body: Any) -> dict[str, Any]:
    path = f"/serve/adder/{version}".rstrip("/")
    event: dict[str, Any] = load_event("http_post_json") | {"rawPath": path}
    event["requestContext"]["http"]["path"] = path
    return event | {"body": json.dumps(body or SUM)}


def ask(handler: Handler, version: str = "") -> tuple[int, str, Any]:
    """Status, the version that answered, and the answer."""
    answer = handler(post(version))
    body = json.loads(answer["body"])
    return answer["statusCode"], answer["headers"].get("x-serving-version", ""), body


def test_a_new_version_answers_without_a_restart(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    registry.publish(make_adder())
    handler = start()
    assert ask(handler) == (200, "1", {"sum": 3.0})
    registry.publish(make_adder(add=10))
    assert ask(handler) == (200, "1", {"sum": 3.0})  # it looks at most every 60 s
    clock.pass_seconds(61)
    assert ask(handler) == (200, "2", {"sum": 13.0})
    assert ask(handler, "1") == (200, "1", {"sum": 3.0})
    assert ask(handler, "2") == (200, "2", {"sum": 13.0})
    registry.publish(make_adder(add=100))
    clock.pass_seconds(61)
    assert ask(handler) == (200, "3", {"sum": 103.0})
    status, _, body = ask(handler, "1")  # max_versions = 2
    assert status == 404 and "it has 3, 2" in body["detail"]


BROKEN = {
    "corrupt": {"data": b"no model"},
    "changed": {"sha256": "0" * 64},
    "refuses its sample": {"sample": {"a": 1}},
    "sample is no request": {"sample": {"a": float("nan"), "b": 2}},
    "sample is a list": {"sample": [SUM]},
    "larger than the memory": {"size": 1770 * 1024 * 1024},
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_version_is_told_and_the_old_one_goes_on(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], how: str,
) -> None:  # fmt: skip
    registry.publish(make_adder(), sample=SUM)
    registry.publish(make_adder(add=1), sample=SUM)
    handler = start()
    registry.publish(**{"data": make_adder(add=2), **BROKEN[how]})
    for _ in range(3):
        clock.pass_seconds(61)
        assert ask(handler) == (200, "2", {"sum": 4.0})
    assert ask(handler, "1")[0] == 200  # the broken one takes no place
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) == 1 and "the update to version 3 failed" in lines[0]
    assert "version 2 goes on" in lines[0]
    failed = [r for r in read_records(capsys.readouterr().out) if "FailedUpdates" in r]
    assert [(r["Version"], r["FailedUpdates"]) for r in failed] == [("3", 1)]
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert list(described["broken"]) == ["3"] and list(described["versions"]) == ["2", "1"]
    registry.publish(make_adder(add=5))
    clock.pass_seconds(61)
    assert ask(handler) == (200, "4", {"sum": 8.0})


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_newest_version_at_cold_start(
    registry: Registry, start: Callable[..., Handler], how: str
) -> None:
    registry.publish(make_adder())
    registry.publish(**{"data": make_adder(add=2), **BROKEN[how]})
    assert ask(start()) == (200, "1", {"sum": 3.0})


@pytest.mark.parametrize("how", BROKEN)
def test_the_only_version_is_broken(
    registry: Registry, start: Callable[..., Handler], how: str
) -> None:
    registry.publish(**{"data": make_adder(add=2), **BROKEN[how]})
    handler = start()
    for _ in range(2):
        status, _, body = ask(handler)
        assert status == 503 and body["type"] in ("ModelLoadError", "ModelVerificationError")


def test_custom_code_may_read_a_model_in_parts(
    registry: Registry, make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    registry.publish(b"rows", size=10**12)
    code = "class Preprocess:\n    def process(self, data, state, collect): return data"
    handler = start_handler(make_folder(TOML.replace('"onnx"', '"custom"'), code))
    assert ask(handler) == (200, "1", SUM)


AHEAD = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}


@pytest.mark.parametrize("env", [{}, AHEAD], ids=["on-demand", "ahead"])
def test_a_broken_version_in_the_middle_gets_no_share(
    registry: Registry, start: Callable[..., Handler], env: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    registry.publish(make_adder())
    registry.publish(b"no model")
    registry.publish(make_adder(add=2))
    handler = start("[traffic]\nlatest = [0.5, 0.5]", **env)
    answers = [ask(handler) for _ in range(60)]
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == {"3", "1"}
    assert ask(handler, "2")[0] == 404 and ask(handler, "1")[0] == 200
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert list(described["broken"]) == ["2"]
    assert described["traffic"] == {"3": 0.5, "1": 0.5}
    failed = [r for r in read_records(capsys.readouterr().out) if "FailedUpdates" in r]
    assert [(r["Version"], r["Cause"]) for r in failed] == [("2", "ModelLoadError")]


def test_the_cold_start_loads_one_version(
    registry: Registry, start: Callable[..., Handler]
) -> None:
    """The others that have a share come with the first request."""
    registry.publish(make_adder())
    registry.publish(make_adder(add=1))
    handler = start("[traffic]\nlatest = [0.1, 0.9]")

    def list_loaded() -> list[str]:
        versions = sys.modules["lambda_serving.handler"].environment.describe()["versions"]
        return [name for name, version in versions.items() if version["loaded"]]

    assert list_loaded() == ["2"]
    ask(handler)
    assert list_loaded() == ["2", "1"]


def test_the_first_request_puts_off_no_look(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    registry.publish(make_adder())
    registry.publish(make_adder(add=1))
    handler = start("[traffic]\nlatest = [1, 0]")
    clock.pass_seconds(50)
    assert ask(handler)[1] == "2"
    registry.publish(make_adder(add=2))
    clock.pass_seconds(11)
    assert ask(handler)[1] == "3"


def test_a_version_that_went_is_no_longer_told_as_taken_out(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    registry: Registry, clock: SimpleNamespace,
) -> None:  # fmt: skip
    traffic = "[traffic]\nlatest = [0.5, 0.5]\nguard = { errors = 0.5, window = 2 }"
    code = """
class Preprocess:
    def process(self, data, state, collect):
        if self.model_endpoint.version == "2":
            raise RuntimeError("broken")
        return data
"""
    toml = TOML.replace('"onnx"', '"custom"')
    registry.publish(b"1")
    registry.publish(b"2")
    handler = start_handler(make_folder(toml + traffic, code))

    def describe() -> Any:
        return handler({"serving": {"protocol": 1, "answer": "metadata"}})

    while "taken_out" not in describe():
        ask(handler)
    registry.publish(b"3")
    clock.pass_seconds(61)
    assert describe()["taken_out"] == ["2"]
    registry.publish(b"4")
    clock.pass_seconds(61)
    assert list(describe()["versions"]) == ["4", "3"] and "taken_out" not in describe()


def test_what_is_taken_back_gives_way_to_the_one_before(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    registry.publish(make_adder())
    registry.publish(make_adder(add=10))
    handler = start()
    assert ask(handler)[1] == "2"
    registry.versions["2"]["published"] = False
    registry.write()
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"
    registry.versions["1"]["published"] = False  # nothing is left: better an old one than none
    registry.write()
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"


def test_no_registry_is_503_until_there_is_one(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    handler = start()
    status, _, body = ask(handler)
    assert status == 503 and "the model 'adder' of the project 'examples'" in body["detail"]
    registry.publish(make_adder(), published=False)
    clock.pass_seconds(3)
    status, _, body = ask(handler)
    assert status == 503 and "has no version with: published" in body["detail"]
    registry.publish(make_adder())
    clock.pass_seconds(3)
    assert ask(handler) == (200, "2", {"sum": 3.0})


def test_tags_choose(registry: Registry, start: Callable[..., Handler]) -> None:
    registry.publish(make_adder(), tags=("eu", "small"))
    registry.publish(make_adder(add=10), tags=("us",))
    assert ask(start('tags = ["eu"]'))[1] == "1"


def test_a_registry_that_fails_leaves_the_old_version(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace, models: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    registry.publish(make_adder())
    handler = start()
    index = models / "registry/examples/adder/index.json"
    for text in ("not json", '{"versions": {"x": {}}}', "[]"):
        index.write_text(text)
        clock.pass_seconds(601)
        assert ask(handler) == (200, "1", {"sum": 3.0})
    index.unlink()
    clock.pass_seconds(601)
    assert ask(handler) == (200, "1", {"sum": 3.0})
    told = [line for line in caplog.messages if line.startswith("the update failed")]
    assert len(told) == 2 and all("version 1 goes on" in line for line in told)


def test_a_load_needs_its_time(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A request that has little left is not kept by an update, which may end the function."""
    registry.publish(make_adder())
    handler = start()
    monkeypatch.setattr(CONTEXT, "get_remaining_time_in_millis", lambda: 900)
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"
    assert not caplog.messages  # there is nothing to load
    registry.publish(make_adder(add=10))
    for _ in range(3):
        clock.pass_seconds(61)
        assert ask(handler)[1] == "1"
    assert caplog.text.count("0.9 s are too few to load version 2") == 3
    monkeypatch.setattr(CONTEXT, "get_remaining_time_in_millis", lambda: 20_000)
    clock.pass_seconds(61)
    assert ask(handler)[1] == "2"


def test_a_warm_up_updates_too(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    registry.publish(make_adder())
    handler = start()
    registry.publish(make_adder(add=10))
    clock.pass_seconds(61)
    handler(load_event("schedule_warmup"))
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert described["default"] == "2" and described["versions"]["2"]["loaded"]


def test_latest_always_splits_over_the_newest(
    registry: Registry, start: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    registry.publish(make_adder())
    handler = start("[traffic]\nlatest = [0.4, 0.6]")
    assert {ask(handler)[1] for _ in range(20)} == {"1"}
    for number in (2, 3):
        registry.publish(make_adder(add=number))
        clock.pass_seconds(61)
        seen = Counter(ask(handler)[1] for _ in range(60))
        assert set(seen) == {str(number), str(number - 1)}


def test_a_registry_that_hangs_costs_a_request_one_short_try(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    registry: Registry, models: Path, clock: SimpleNamespace,
) -> None:  # fmt: skip
    """No second try at once, and pauses that grow."""
    registry.publish(make_adder())
    key = "registry/examples/adder/index.json"
    with S3Server() as s3:
        s3.put_folder("models", models)
        handler = start_handler(make_folder(TOML, ADDER_CODE), **find_by(s3))
        s3.faults[key] = Fault(delay=30)
        s3.requests.clear()
        for pause, tries in ((61, 1), (61, 1), (61, 2), (121, 2), (121, 3), (601, 4)):
            clock.pass_seconds(pause)
            assert ask(handler)[1] == "1"
            assert s3.count() == {("GET", key): tries}
        del s3.faults[key]
        registry.publish(make_adder(add=10))
        s3.put_folder("models", models)
        clock.pass_seconds(601)
        assert ask(handler)[1] == "2"
        s3.requests.clear()
        clock.pass_seconds(61)
        assert ask(handler)[1] == "2" and s3.count() == {("GET", key): 1}


def test_the_first_look_is_patient(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    registry: Registry, models: Path,
) -> None:  # fmt: skip
    """Without it there is nothing to serve."""
    registry.publish(make_adder())
    with S3Server() as s3:
        s3.put_folder("models", models)
        s3.faults["registry/examples/adder/index.json"] = slow_down(2)
        handler = start_handler(make_folder(TOML, ADDER_CODE), **find_by(s3))
        assert ask(handler) == (200, "1", {"sum": 3.0})


def find_by(s3: S3Server) -> dict[str, str]:
    """The environment of a function whose bucket is ``models`` of this server."""
    return {
        "SERVING_MODEL_BUCKET": "models",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


def test_polling_costs_one_small_request(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    registry: Registry, models: Path, clock: SimpleNamespace,
) -> None:  # fmt: skip
    registry.publish(make_adder())
    with S3Server() as s3:
        s3.put_folder("models", models)
        handler = start_handler(make_folder(TOML, ADDER_CODE), **find_by(s3))
        s3.requests.clear()
        for _ in range(5):
            clock.pass_seconds(61)
            assert ask(handler)[1] == "1"
        key = "registry/examples/adder/index.json"
        assert s3.count() == {("GET", key): 5}
        assert s3.not_modified == 5
        s3.stop()
        clock.pass_seconds(61)
        assert ask(handler)[1] == "1"

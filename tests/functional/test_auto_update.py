"""``[auto_update]`` and ``[traffic]`` through the real handler, without a restart."""

import json
import time
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


def test_a_broken_newest_version_at_cold_start(
    registry: Registry, start: Callable[..., Handler]
) -> None:
    registry.publish(make_adder())
    registry.publish(b"no model")
    assert ask(start()) == (200, "1", {"sum": 3.0})


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
        clock.pass_seconds(61)
        assert ask(handler) == (200, "1", {"sum": 3.0})
    index.unlink()
    clock.pass_seconds(61)
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
    registry.publish(make_adder(add=10))
    monkeypatch.setattr(CONTEXT, "get_remaining_time_in_millis", lambda: 900)
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"
    assert "0.9 s are too few to look for new versions" in caplog.text
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


def test_polling_costs_one_small_request(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    registry: Registry, models: Path, clock: SimpleNamespace,
) -> None:  # fmt: skip
    from tests.servers.s3 import S3Server

    registry.publish(make_adder())
    with S3Server() as s3:
        s3.put_folder("models", models)
        env = {
            "SERVING_MODEL_BUCKET": "models",
            "AWS_ENDPOINT_URL": s3.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        handler = start_handler(make_folder(TOML, ADDER_CODE), **env)
        s3.requests.clear()
        for _ in range(5):
            clock.pass_seconds(61)
            started = time.monotonic()
            assert ask(handler)[1] == "1"
            assert time.monotonic() - started < 5
        key = "registry/examples/adder/index.json"
        assert s3.count() == {("GET", key): 5}
        assert s3.not_modified == 5
        s3.stop()
        clock.pass_seconds(61)
        assert ask(handler)[1] == "1"

"""``[auto_update]`` through the real handler, without a restart."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.conftest import ADDER_CODE, Handler
from tests.events import load_event
from tests.functional.updates import SUM, TOML, ask, find_by
from tests.models import make_adder
from tests.registry import Registry
from tests.servers.s3 import S3Server


def test_a_new_version_answers_without_a_restart(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    adders.publish(make_adder())
    handler = start_adders()
    assert ask(handler) == (200, "1", {"sum": 3.0})
    adders.publish(make_adder(add=10))
    assert ask(handler) == (200, "1", {"sum": 3.0})  # it looks at most every 60 s
    clock.pass_seconds(61)
    assert ask(handler) == (200, "2", {"sum": 13.0})
    assert ask(handler, "1") == (200, "1", {"sum": 3.0})
    assert ask(handler, "2") == (200, "2", {"sum": 13.0})
    adders.publish(make_adder(add=100))
    clock.pass_seconds(61)
    assert ask(handler) == (200, "3", {"sum": 103.0})
    status, _, body = ask(handler, "1")  # max_versions = 2
    assert status == 404 and "it has 3, 2" in body["detail"]


def test_a_version_without_a_sample_answers_those_of_the_endpoint(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace, tmp_path: Path
) -> None:
    """Its own one in the registry comes before them."""
    samples = tmp_path / "task" / "samples"
    samples.mkdir(parents=True)
    (samples / "refused.json").write_text('{"a": 1}')
    adders.publish(make_adder(), sample=SUM)
    handler = start_adders()
    assert ask(handler) == (200, "1", {"sum": 3.0})
    adders.publish(make_adder(add=10))
    clock.pass_seconds(61)
    assert ask(handler) == (200, "1", {"sum": 3.0})
    broken = handler({"serving": {"protocol": 1, "answer": "metadata"}})["broken"]
    assert "its sample request fails: KeyError in preprocess" in broken["2"]


def test_the_cold_start_loads_one_version(
    adders: Registry, start_adders: Callable[..., Handler]
) -> None:
    """The others that have a share come with the first request."""
    adders.publish(make_adder())
    adders.publish(make_adder(add=1))
    handler = start_adders("[traffic]\nlatest = [0.1, 0.9]")

    def list_loaded() -> list[str]:
        versions = sys.modules["lambda_serving.handler"].environment.versions.describe()["versions"]
        return [name for name, version in versions.items() if version["loaded"]]

    assert list_loaded() == ["2"]
    ask(handler)
    assert list_loaded() == ["2", "1"]


def test_the_first_request_puts_off_no_look(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    adders.publish(make_adder())
    adders.publish(make_adder(add=1))
    handler = start_adders("[traffic]\nlatest = [1, 0]")
    clock.pass_seconds(50)
    assert ask(handler)[1] == "2"
    adders.publish(make_adder(add=2))
    clock.pass_seconds(11)
    assert ask(handler)[1] == "3"


def test_a_version_that_went_is_no_longer_told_as_taken_out(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    adders: Registry, clock: SimpleNamespace,
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
    adders.publish(b"1")
    adders.publish(b"2")
    handler = start_handler(make_folder(toml + traffic, code))

    def describe() -> Any:
        return handler({"serving": {"protocol": 1, "answer": "metadata"}})

    while "taken_out" not in describe():
        ask(handler)
    adders.publish(b"3")
    clock.pass_seconds(61)
    assert list(describe()["taken_out"]) == ["2"]
    adders.publish(b"4")
    clock.pass_seconds(61)
    assert list(describe()["versions"]) == ["4", "3"] and "taken_out" not in describe()


def test_what_is_taken_back_gives_way_to_the_one_before(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    adders.publish(make_adder())
    adders.publish(make_adder(add=10))
    handler = start_adders()
    assert ask(handler)[1] == "2"
    adders.versions["2"]["published"] = False
    adders.write()
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"
    adders.versions["1"]["published"] = False  # nothing is left: better an old one than none
    adders.write()
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"


def test_tags_choose(adders: Registry, start_adders: Callable[..., Handler]) -> None:
    adders.publish(make_adder(), tags=("eu", "small"))
    adders.publish(make_adder(add=10), tags=("us",))
    assert ask(start_adders('tags = ["eu"]'))[1] == "1"


def test_a_warm_up_updates_too(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    adders.publish(make_adder())
    handler = start_adders()
    adders.publish(make_adder(add=10))
    clock.pass_seconds(61)
    handler(load_event("schedule_warmup"))
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert described["default"] == "2" and described["versions"]["2"]["loaded"]


def test_latest_always_splits_over_the_newest(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    adders.publish(make_adder())
    handler = start_adders("[traffic]\nlatest = [0.4, 0.6]")
    assert {ask(handler)[1] for _ in range(20)} == {"1"}
    for number in (2, 3):
        adders.publish(make_adder(add=number))
        clock.pass_seconds(61)
        seen = Counter(ask(handler)[1] for _ in range(60))
        assert set(seen) == {str(number), str(number - 1)}


def test_polling_costs_one_small_request(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    adders: Registry, models: Path, clock: SimpleNamespace,
) -> None:  # fmt: skip
    adders.publish(make_adder())
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

"""``[auto_update]`` where a version, or the registry, fails; through the real handler."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import ADDER_CODE, CONTEXT, Handler
from tests.emf import read_records
from tests.faults.row import Row
from tests.functional.updates import SUM, TOML, ask, find_by
from tests.models import make_adder
from tests.registry import Registry
from tests.servers.faults import Fault, slow_down
from tests.servers.s3 import S3Server

BROKEN = {
    "corrupt": {"data": b"no model"},
    "changed": {"sha256": "0" * 64},
    "refuses its sample": {"sample": {"a": 1}},
    "sample is a text": {"sample": "no object"},
    "sample is a list": {"sample": [SUM]},
    "larger than the memory": {"size": 1770 * 1024 * 1024},
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_version_is_told_and_the_old_one_goes_on(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], how: str,
) -> None:  # fmt: skip
    adders.publish(make_adder(), sample=SUM)
    adders.publish(make_adder(add=1), sample=SUM)
    handler = start_adders()
    adders.publish(**{"data": make_adder(add=2), **BROKEN[how]})
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
    adders.publish(make_adder(add=5))
    clock.pass_seconds(61)
    assert ask(handler) == (200, "4", {"sum": 8.0})


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_newest_version_at_cold_start(
    adders: Registry, start_adders: Callable[..., Handler], how: str
) -> None:
    adders.publish(make_adder())
    adders.publish(**{"data": make_adder(add=2), **BROKEN[how]})
    assert ask(start_adders()) == (200, "1", {"sum": 3.0})


@pytest.mark.parametrize("how", BROKEN)
def test_the_only_version_is_broken(
    adders: Registry, start_adders: Callable[..., Handler], how: str
) -> None:
    adders.publish(**{"data": make_adder(add=2), **BROKEN[how]})
    handler = start_adders()
    for _ in range(2):
        status, _, body = ask(handler)
        assert status == 503 and body["type"] in ("ModelLoadError", "ModelVerificationError")


def test_custom_code_may_read_a_model_in_parts(
    adders: Registry, make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    adders.publish(b"rows", size=10**12)
    code = "class Preprocess:\n    def process(self, data, state, collect): return data"
    handler = start_handler(make_folder(TOML.replace('"onnx"', '"custom"'), code))
    assert ask(handler) == (200, "1", SUM)


AHEAD = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}


@pytest.mark.parametrize("env", [{}, AHEAD], ids=["on-demand", "ahead"])
def test_a_broken_version_in_the_middle_gets_no_share(
    adders: Registry, start_adders: Callable[..., Handler], env: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    adders.publish(make_adder())
    adders.publish(b"no model")
    adders.publish(make_adder(add=2))
    handler = start_adders("[traffic]\nlatest = [0.5, 0.5]", **env)
    answers = [ask(handler) for _ in range(60)]
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == {"3", "1"}
    assert ask(handler, "2")[0] == 404 and ask(handler, "1")[0] == 200
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert list(described["broken"]) == ["2"]
    assert described["traffic"] == {"3": 0.5, "1": 0.5}
    failed = [r for r in read_records(capsys.readouterr().out) if "FailedUpdates" in r]
    assert [(r["Version"], r["Cause"]) for r in failed] == [("2", "ModelLoadError")]


def test_no_registry_is_503_until_there_is_one(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    handler = start_adders()
    status, _, body = ask(handler)
    assert status == 503 and "the model 'adder' of the project 'examples'" in body["detail"]
    adders.publish(make_adder(), published=False)
    clock.pass_seconds(3)
    status, _, body = ask(handler)
    assert status == 503 and "has no version with: published" in body["detail"]
    adders.publish(make_adder())
    clock.pass_seconds(3)
    assert ask(handler) == (200, "2", {"sum": 3.0})


@pytest.mark.fault(
    "registry",
    "the index cannot be read any more",
    "200, by the version before",
    "the update failed",
    "the next check that succeeds takes the newest version up",
)
def test_a_registry_that_fails_leaves_the_old_version(
    fault: Row, adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace,
    models: Path, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    adders.publish(make_adder())
    handler = start_adders()
    index = models / "registry/examples/adder/index.json"
    for text in ("not json", '{"versions": [1]}', "[]"):
        index.write_text(text)
        clock.pass_seconds(601)
        assert ask(handler) == (200, "1", {"sum": 3.0})
    index.unlink()
    clock.pass_seconds(601)
    assert ask(handler) == (200, "1", {"sum": 3.0})
    told = [line for line in caplog.messages if line.startswith(fault.log)]
    assert len(told) == 2 and all("version 1 goes on" in line for line in told)


WRONG = {
    "no object": 3,
    "no sha256": {"sha256": None},
    "no digest": {"sha256": "00"},
    "no model": {"model": None},
    "an address of another kind": {"model": "https://host/model.onnx"},
    "a key that cannot be": {"model": "a/../model.onnx"},
    "tags of another kind": {"tags": [["a"]]},
    "no tags": {"tags": None},
    "published by a word": {"published": "yes"},
    "a size in words": {"size": "12 MB"},
    "a sample of another kind": {"sample": 3},
}


@pytest.mark.parametrize(
    ("how", "number"),
    [*((how, "3") for how in WRONG), *(("no object", each) for each in ("x", "-3", "03", "²"))],
)
def test_a_wrong_entry_takes_only_itself_out(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture, how: str, number: str,
) -> None:  # fmt: skip
    adders.publish(make_adder())
    adders.publish(make_adder(add=1))
    wrong = WRONG[how]
    entry = adders.versions["2"] | wrong if isinstance(wrong, dict) else wrong
    adders.versions[number] = entry  # type: ignore[assignment]
    adders.write()
    handler = start_adders()
    assert ask(handler) == (200, "2", {"sum": 4.0})
    described = handler({"serving": {"protocol": 1, "answer": "metadata"}})
    assert list(described["broken"]) == [number] and "expected" in described["broken"][number]
    adders.versions["4"] = adders.versions["1"]
    adders.write()
    clock.pass_seconds(61)
    assert ask(handler) == (200, "4", {"sum": 3.0})
    assert caplog.text.count(f"version {number} in the registry's index is left out") == 1


def test_an_entry_that_is_mended_is_taken_up(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace
) -> None:
    adders.publish(make_adder(add=1), sha256="half")
    handler = start_adders()
    status, _, body = ask(handler)
    assert (status, body["type"]) == (503, "ModelFetchError")
    assert body["detail"].endswith("has no version with: published; entries that are wrong: 1")
    adders.versions.clear()
    clock.pass_seconds(3)
    adders.versions["1"] = {
        "model": "registry/examples/adder/1/model.onnx",
        "sha256": sha256(make_adder(add=1)).hexdigest(),
        "published": True,
    }
    adders.write()
    assert ask(handler) == (200, "1", {"sum": 4.0})


def test_a_load_needs_its_time(
    adders: Registry, start_adders: Callable[..., Handler], clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A request that has little left is not kept by an update, which may end the function."""
    adders.publish(make_adder())
    handler = start_adders()
    monkeypatch.setattr(CONTEXT, "get_remaining_time_in_millis", lambda: 900)
    clock.pass_seconds(61)
    assert ask(handler)[1] == "1"
    assert not caplog.messages  # there is nothing to load
    adders.publish(make_adder(add=10))
    for _ in range(3):
        clock.pass_seconds(61)
        assert ask(handler)[1] == "1"
    assert caplog.text.count("0.9 s are too few to load version 2") == 3
    monkeypatch.setattr(CONTEXT, "get_remaining_time_in_millis", lambda: 20_000)
    clock.pass_seconds(61)
    assert ask(handler)[1] == "2"


def test_a_registry_that_hangs_costs_a_request_one_short_try(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    adders: Registry, models: Path, clock: SimpleNamespace,
) -> None:  # fmt: skip
    """No second try at once, and pauses that grow."""
    adders.publish(make_adder())
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
        adders.publish(make_adder(add=10))
        s3.put_folder("models", models)
        clock.pass_seconds(601)
        assert ask(handler)[1] == "2"
        s3.requests.clear()
        clock.pass_seconds(61)
        assert ask(handler)[1] == "2" and s3.count() == {("GET", key): 1}


def test_the_first_look_is_patient(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    adders: Registry, models: Path,
) -> None:  # fmt: skip
    """Without it there is nothing to serve."""
    adders.publish(make_adder())
    with S3Server() as s3:
        s3.put_folder("models", models)
        s3.faults["registry/examples/adder/index.json"] = slow_down(2)
        handler = start_handler(make_folder(TOML, ADDER_CODE), **find_by(s3))
        assert ask(handler) == (200, "1", {"sum": 3.0})

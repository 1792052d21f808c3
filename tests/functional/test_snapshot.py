"""SnapStart through the real handler and the runtime client's own runner of hooks, in one process.

What clocks do meanwhile is in test_snapshot_clocks.py, what a process with its own connections
makes of a restore in tests/built/test_restore.py.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import snapshot_restore_py
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot

from lambda_serving.errors import ModelLoadError, SettingsError, UserCodeLoadError
from tests.conftest import Handler
from tests.emf import read_records
from tests.faults.row import Row
from tests.functional.pipelines import CanaryMaker, PipelineMaker, post
from tests.servers.container_credentials import ContainerCredentials
from tests.servers.lambda_service import LambdaService
from tests.servers.s3 import S3Server

SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
AHEAD = ["snap-start", "provisioned-concurrency"]
NO_KEYS = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")

CUSTOM = 'endpoint = "e"\nengine = "custom"\n'
NOTING = """
class Preprocess:
    def __init__(self):
        self.seen = []

    def process(self, data, state, collect):
        self.seen.append(data["a"])
        return {"seen": self.seen}
"""
SUM = {"a": 1, "b": 2}


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    """Nobody's hooks but this test's; what it froze is free again."""
    registries = (
        snapshot_restore_py.get_before_snapshot(),
        snapshot_restore_py.get_after_restore(),
    )
    for registry in registries:
        registry.clear()
    yield
    gc.unfreeze()
    for registry in registries:
        registry.clear()


@pytest.fixture
def container() -> Iterator[ContainerCredentials]:
    with ContainerCredentials() as container:
        yield container
        assert container.refused == 0


@pytest.mark.fault(
    "credentials",
    "their service fails while the model is fetched",
    "503 ModelFetchError",
    "ModelFetchError 503 in load: the model cannot be fetched",
    "a later request tries again",
)
def test_a_failed_fetch_of_credentials_is_503(
    fault: Row, make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    container: ContainerCredentials, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    container.failures = 1000
    with S3Server(secrets=container.valid) as s3:
        env = {"SERVING_MODEL_BUCKET": "models", "AWS_ENDPOINT_URL": s3.endpoint}
        handler = start_handler(make_folder(), **env, **container.environment)
        answer = handler(post("/serve/adder", **SUM))
    body = json.loads(answer["body"])
    assert f"{answer['statusCode']} {body['type']}" == fault.client
    assert fault.log in caplog.text and "retry-after" in answer["headers"]
    assert container.token not in answer["body"]


def test_calls_are_signed_anew(
    start_pipeline: PipelineMaker, service: LambdaService, container: ContainerCredentials
) -> None:
    service.secrets = container.valid
    handler = start_pipeline(**NO_KEYS, **container.environment, **SNAP_START)
    assert handler({"endpoint": "echo"})["type"] == "dict"
    run_before_snapshot()
    container.expire()
    service.cut_connections()
    run_after_restore()
    assert handler({"endpoint": "echo"})["type"] == "dict"
    before, after = service.invokes
    assert [before.access_key, after.access_key] == container.given
    assert before.port != after.port


def test_the_canary_asks_again(start_canary: CanaryMaker, api: LambdaService) -> None:
    handler = start_canary('prefix = "alpha"\nlatest = [1.0]', **SNAP_START)
    for _ in range(2):
        handler({})
    run_before_snapshot()
    run_after_restore()
    handler({})
    asked = [invoke.envelope.get("answer") for invoke in api.invokes]
    assert asked == ["metadata", "whole", "whole", "metadata", "whole"]


STREAMS = """
import os, random, sys
import numpy
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot
from lambda_serving.handler import environment

def draw():
    sampler = environment.telemetry.statistics._sampler
    first = next(i for i in range(1_000_000) if sampler.take())
    return [random.random(), numpy.random.rand(), first]

run_before_snapshot()
memory = random.getstate()
for kind in ("restored", "restored", "forgotten", "forgotten"):
    if os.fork() == 0:
        random.setstate(memory)  # it seeds itself anew in a fork, but in no restored snapshot
        if kind == "restored":
            run_after_restore()
        print(kind, draw(), flush=True)
        os._exit(0)
    os.wait()
"""
SEEDED = """
import random
import numpy

class Preprocess:
    def __init__(self):
        random.seed(7)
        numpy.random.seed(7)
"""


def test_random_streams_of_two_restores_differ(make_folder: Callable[..., Path]) -> None:
    """Two forks are two restores of one memory; without the hook they go on alike."""
    folder = make_folder(CUSTOM + "[metrics]\nlog_frequency = 0.00001\n", SEEDED)
    done = subprocess.run(
        [sys.executable, "-c", STREAMS],
        env={"LAMBDA_TASK_ROOT": str(folder), **SNAP_START},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    first, second, third, fourth = done.stdout.splitlines()
    assert third.removeprefix("forgotten") == fourth.removeprefix("forgotten")
    lines = (json.loads(line.partition(" ")[2]) for line in (first, second, third))
    for drawn in zip(*lines, strict=True):
        assert len(set(drawn)) == 3


def test_the_sample_runs_before_the_snapshot(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = make_folder(CUSTOM, NOTING, {"sample.json": '{"a": "sample"}'})
    handler = start_handler(folder, **SNAP_START)
    frozen = gc.get_freeze_count()
    run_before_snapshot()
    assert gc.get_freeze_count() > frozen
    assert "mangum.handlers" in sys.modules
    run_after_restore()
    assert capsys.readouterr().out == ""  # it is nobody's request
    assert handler({"a": 1}) == {"seen": ["sample", 1]}
    [record] = read_records(capsys.readouterr().out)
    assert record["ColdStart"] == 1
    assert "ModelLoad" not in record  # that was in another life


@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency"])
def test_who_runs_the_sample(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], kind: str
) -> None:
    """Where no request waits for the init; and no snapshot is no reason for hooks."""
    folder = make_folder(CUSTOM, NOTING, {"sample.json": '{"a": "sample"}'})
    handler = start_handler(folder, AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    assert snapshot_restore_py.get_before_snapshot() == []
    assert snapshot_restore_py.get_after_restore() == []
    ran = ["sample"] if kind == "provisioned-concurrency" else []
    assert handler({"a": 1}) == {"seen": [*ran, 1]}


def test_a_sample_of_bytes(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    code = NOTING.replace('data["a"]', "len(data)")
    files = {"sample.bin": "abc", "samples/more.csv": "a,b\n"}
    files |= {"samples/__init__.py": "", "sample.py": ""}  # modules of the user's
    handler = start_handler(make_folder(CUSTOM, code, files), **SNAP_START)
    assert handler({}) == {"seen": [3, 4, 0]}


@pytest.mark.fault(
    "restore",
    "the sample request fails before the snapshot",
    "nothing: the deploy fails, and the version before goes on",
    "ModelLoadError 503 in load: its sample request fails: KeyError in process",
    "no broken version is published",
)
@pytest.mark.parametrize("kind", AHEAD)
def test_a_sample_that_fails_fails_the_init(
    fault: Row, make_folder: Callable[..., Path], start_handler: Callable[..., Handler], kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    folder = make_folder(CUSTOM, NOTING, {"sample.json": '{"b": 1}'})
    with pytest.raises(ModelLoadError, match="its sample request fails: KeyError in process"):
        start_handler(folder, AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    assert fault.log in caplog.text


def test_a_sample_that_others_do_not_answer_yet(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The functions that an endpoint calls may come with the same deploy."""
    folder = make_folder(CUSTOM + 'calls = ["other"]\n', NOTING, {"sample.json": '{"b": 1}'})
    handler = start_handler(folder, **SNAP_START)
    assert "its sample request fails: KeyError in process" in caplog.text
    assert handler({"a": 1}) == {"seen": [1]}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"sample.json": "no JSON"}, "sample.json: the body is not JSON"),
        ({"sample.json": "[1]"}, "sample.json: the body: expected a JSON object, got an array"),
        ({"samples/a.json": '{"serving": {"protocol": 9}}'}, "a.json: expected the body alone"),
        ({"sample.json": "{}", "sample.bin": ""}, "sample.json: sample.bin has the same name"),
    ],
)
def test_a_sample_that_is_no_request(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    files: dict[str, str], told: str,
) -> None:  # fmt: skip
    with pytest.raises(SettingsError, match=f"^{told}"):
        start_handler(make_folder(CUSTOM, NOTING, files), **SNAP_START)


def test_versions_with_a_share_are_loaded(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    toml = CUSTOM + '[version.2]\n[version.3]\n[traffic]\nweights = { "2" = 0.1, "1" = 0.9 }\n'
    handler = start_handler(make_folder(toml, NOTING), **SNAP_START)
    versions = handler({"serving": {"protocol": 1, "answer": "metadata"}})["versions"]
    assert {name: version["loaded"] for name, version in versions.items()} == {
        "1": True,
        "2": True,
        "3": False,
    }


@pytest.mark.parametrize("how", ["def", "async def"])
def test_user_code_is_told(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], how: str
) -> None:
    """After our own part, so that its connections work; before the user's own hooks."""
    code = NOTING + f"    {how} after_restore(self):\n        self.seen.append('restored')\n"
    handler = start_handler(make_folder(CUSTOM, code), **SNAP_START)
    run_before_snapshot()
    run_after_restore()
    assert handler({"a": 1}) == {"seen": ["restored", 1]}


@pytest.mark.fault(
    "restore",
    "after_restore raises",
    "nothing: no request is there yet",
    "UserCodeLoadError 503 in load: OSError in after_restore",
    "Lambda restores another environment",
)
def test_a_failed_restore_ends_the_environment(
    fault: Row, make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The runtime client posts the error and exits; Lambda restores another environment."""
    code = NOTING + "    def after_restore(self):\n        raise OSError('no database')\n"
    start_handler(make_folder(CUSTOM, code), **SNAP_START)
    with pytest.raises(UserCodeLoadError, match="^OSError in after_restore;"):
        run_after_restore()
    assert "no database" in caplog.text and fault.log in caplog.text


def test_hooks_of_the_users_own(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """They see the sample's traces before the snapshot, and a restored environment after it."""
    notes = SimpleNamespace(frozen=gc.get_freeze_count(), seen=[])
    monkeypatch.setitem(sys.modules, "notes", notes)  # type: ignore[arg-type]
    code = f"""
import gc, notes
from snapshot_restore_py import register_after_restore, register_before_snapshot
{NOTING}
    def load(self, path):
        register_before_snapshot(
            lambda: notes.seen.append((list(self.seen), gc.get_freeze_count()))
        )
        register_after_restore(lambda: notes.seen.append(list(self.seen)))

    def after_restore(self):
        self.seen.append("restored")
"""
    start_handler(make_folder(CUSTOM, code, {"sample.json": '{"a": 0}'}), **SNAP_START)
    run_before_snapshot()
    run_after_restore()
    assert notes.seen == [([0], notes.frozen), [0, "restored"]]

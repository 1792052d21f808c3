"""Fixtures of all suites: an endpoint's folder, and the real handler in this process."""

import importlib
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import orjson
import pytest

from lambda_serving.telemetry.writer import RecordWriter
from lambda_serving.versions.loaded import LoadedVersions
from tests.emf import check_record
from tests.faults.row import Row
from tests.models import make_adder

# Each of the tests' processes has a core; OpenMP's threads would wait for each other by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what runs in its background with SIGINT ignored, and so would all processes of
# the tests be, that interrupt some of them.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.summary"]

Handler = Callable[[Any], Any]

PROJECT = Path(__file__).parents[1]
MODELS = PROJECT / ".local" / "models"

NUMBERS = count()

CONTEXT = SimpleNamespace(
    aws_request_id="2f1d6a4e-0000-4000-8000-000000000001",
    function_name="test-endpoint",
    memory_limit_in_mb=1769,
    get_remaining_time_in_millis=lambda: 29_000,
)
"""What Lambda hands to a handler beside the event (AWS Lambda, "context object in Python")."""

ADDER_TOML = 'endpoint = "adder"\nengine = "onnx"\nmodel = "adder.onnx"\n'
ADDER_CODE = """
import numpy as np

class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        return np.array([[body["a"], body["b"]]], dtype=np.float32)

    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"sum": round(float(data[0, 0]), 3)}
"""


ORDER = {"stack": -3, "soak": -2, "template": -1, "built": 1, "real": 1, "contract": 2}
"""Of the tests' folders; all others are at 0. What takes longest begins, and the contract suite
ends."""
SHAPES = "tests/contract/test_contract.py"
"""The very last: it comes in small pieces, with which all processes end at the same time."""

TOGETHER = {"tests/cli/test_new.py": "template"}
"""Files that share processes with another folder: SAM's imports take seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: find_place(item.nodeid))


def find_place(nodeid: str) -> tuple[bool, int]:
    """Of a test in the order of all."""
    return nodeid.startswith(SHAPES), ORDER.get(find_room(nodeid), 0)


def find_room(nodeid: str) -> str:
    """The folder of a test, or the one whose processes it shares."""
    return TOGETHER.get(nodeid.split("::")[0]) or nodeid.split("/")[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run in one process, so that what they share is made once; so do all tests of
    the stack, of the template, and of what was built.

    (Its own `loadgroup` does not work with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            room = find_room(nodeid)
            if room in ("stack", "built", "real", "template"):
                return room.replace("real", "built")
            return nodeid.partition("-" if nodeid.startswith(SHAPES) else "::")[0]

    config.option.loadscopereorder = False
    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def check_statistics(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every EMF record that a test makes in this process keeps to CloudWatch's rules."""
    write, wrong = RecordWriter.write, list[str]()

    def check_and_write(self: RecordWriter, record: Mapping[str, Any]) -> None:
        try:
            check_record(orjson.loads(orjson.dumps(record)))
        except orjson.JSONEncodeError:
            pass  # it is not written
        except Exception as error:  # noqa: BLE001  (statistics would swallow it)
            wrong.append(f"{error!r} in {record}")
        write(self, record)

    monkeypatch.setattr(RecordWriter, "write", check_and_write)
    yield
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Row:
    """The row of docs/faults.md that the test's mark ``fault(area, *row)`` holds."""
    return Row(*request.node.get_closest_marker("fault").args[1:])


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pytest's own, which looks for a free name among the folders of all tests before."""
    name = re.sub(r"\W", "_", request.node.name)[:40]
    return tmp_path_factory.mktemp(f"{name}-{next(NUMBERS)}", numbered=False)


@pytest.fixture
def forget_user_code(tmp_path: Path) -> Iterator[None]:
    """User code of one test must not be found by the next."""
    modules, paths, finders = set(sys.modules), list(sys.path), list(sys.meta_path)
    yield
    sys.path[:], sys.meta_path[:] = paths, finders
    for name in set(sys.modules) - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def make_folder(tmp_path: Path, forget_user_code: None) -> Callable[..., Path]:
    """Write an endpoint's folder: its endpoint.toml, preprocess.py and further files."""

    def make(
        toml: str = ADDER_TOML,
        code: str | None = ADDER_CODE,
        files: Mapping[str, str] = MappingProxyType({}),
    ) -> Path:
        folder = tmp_path / "task"
        folder.mkdir(exist_ok=True)
        (folder / "endpoint.toml").write_text(toml)
        if code is not None:
            (folder / "preprocess.py").write_text(code)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return make


@pytest.fixture(scope="session")
def example_models() -> Path:
    """The folder of the example models, made where they are missing."""
    command = [sys.executable, "-m", "examples.prepare_models", "--out", str(MODELS)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return MODELS


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models in the place of a bucket; holds ``adder.onnx``."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "adder.onnx").write_bytes(make_adder())
    return folder


@pytest.fixture
def keep_logging() -> Iterator[None]:
    """A cold start under a function's name takes the root logger over; the test gives it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def start_handler(
    monkeypatch: pytest.MonkeyPatch,
    models: Path,
    tmp_path: Path,
    forget_user_code: None,
    keep_logging: None,
) -> Callable[..., Handler]:
    """Cold start: import the real handler for a folder; gives ``handler(event)``."""

    def start(folder: Path, context: Any = CONTEXT, **env: str) -> Handler:
        settings = {
            "SERVING_MODEL_BUCKET": f"file://{models}",
            "SERVING_SCRATCH": str(tmp_path / "scratch"),
        }
        return import_handler(monkeypatch, folder, context, settings | env)

    return start


def import_handler(
    patch: pytest.MonkeyPatch, folder: Path, context: Any, env: Mapping[str, str]
) -> Handler:
    """A cold start of the endpoint in a folder, with the variables ``env``."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SERVING_"))]:
        patch.delenv(name)
    settings = {"LAMBDA_TASK_ROOT": str(folder), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}
    for name, value in (settings | dict(env)).items():
        patch.setenv(name, value)
    sys.modules.pop("lambda_serving.handler", None)
    module = importlib.import_module("lambda_serving.handler")
    return lambda event: module.lambda_handler(event, context)


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """pass_seconds(1.1): the clock goes on by which loads are tried again."""
    passed = 0.0

    def pass_seconds(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    clock = (lambda: time.monotonic() + passed,)
    monkeypatch.setattr(LoadedVersions.__init__, "__defaults__", clock)
    return pass_seconds


@pytest.fixture
def handler(make_folder: Callable[..., Path], start_handler: Callable[..., Handler]) -> Handler:
    """The adder: ``{"a": 1, "b": 2}`` -> ``{"sum": 3.0}`` by a real ONNX model."""
    return start_handler(make_folder())

"""What a crash leaves in /tmp: a killed process's model goes at the next cold start, a live one's
stays."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ADDER_CODE, ADDER_TOML
from tests.faults.row import NOTHING, Row
from tests.functional.updates import SUM, find_by
from tests.models import make_adder
from tests.servers.endpoint_process import EndpointProcess
from tests.servers.s3 import S3Server

SIZE = 3 * 1024 * 1024
CODE = ADDER_CODE + (
    "    def load(self, local_file_name):\n"
    "        self.folder = local_file_name\n"
    "    def process(self, data, state, collect):\n"
    "        import os\n"
    "        return data.sum(1, keepdims=True) + 0 * sum(map(len, os.listdir(self.folder)))\n"
)
TOML = ADDER_TOML.replace("adder.onnx", "set/")


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        server.put("models", "set/model.onnx", make_adder())
        server.put("models", "set/large.bin", bytes(SIZE))
        yield server


@pytest.fixture
def start(
    make_folder: Callable[..., Path], s3: S3Server, tmp_path: Path
) -> Callable[..., EndpointProcess]:
    folder = make_folder(TOML, CODE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return lambda **env: EndpointProcess(
        folder, SERVING_SCRATCH=str(scratch), **(find_by(s3) | env)
    )


def kill(process: EndpointProcess) -> None:
    process.end(signal.SIGKILL)


def list_folders(tmp_path: Path) -> set[Path]:
    return set((tmp_path / "scratch" / "lambda-serving").iterdir())


@pytest.mark.fault(
    "disk",
    "a killed process has left its model in /tmp",
    "200",
    "removed the model folder of a process that is gone",
    "the next cold start removes it, and no file of the user's",
)
def test_killed_ones_leave_nothing_for_long(
    fault: Row, start: Callable[..., EndpointProcess], tmp_path: Path
) -> None:
    own = tmp_path / "scratch" / "of the user.bin"
    own.write_bytes(b"user")
    seen: set[Path] = set()
    for _ in range(3):
        with start() as process:
            assert process(SUM) == {"sum": 3.0}
            (folder,) = list_folders(tmp_path) - seen
            assert list_folders(tmp_path) == {folder}
            seen.add(folder)
            assert fault.client == "200"
            assert (fault.log in process.read_log()) == (len(seen) > 1)
            kill(process)
    assert own.read_bytes() == b"user"


@pytest.mark.fault(
    "two processes",
    "of two environments with one /tmp one is killed",
    "200, by the other",
    NOTHING,
    "the other's model stays, also where a third one starts",
)
def test_one_that_lives_keeps_its_model(
    fault: Row, start: Callable[..., EndpointProcess], tmp_path: Path
) -> None:
    with start() as first:
        assert first(SUM) == {"sum": 3.0}
        (kept,) = list_folders(tmp_path)
        with start() as killed:
            assert killed(SUM) == {"sum": 3.0}
            kill(killed)
        with start() as third:
            assert third(SUM) == {"sum": 3.0}
            assert len(list_folders(tmp_path)) == 2 and kept in list_folders(tmp_path)
        assert (kept / "set" / "large.bin").stat().st_size == SIZE
        assert first(SUM) == {"sum": 3.0} and fault.client.startswith("200")
        assert (first.read_log() or NOTHING) == fault.log


def test_a_folder_of_before_there_were_locks_goes(
    start: Callable[..., EndpointProcess], tmp_path: Path
) -> None:
    old = tmp_path / "scratch" / "lambda-serving" / "17-0123"
    (old / "set").mkdir(parents=True)
    (old / "set" / "half.bin").write_bytes(bytes(SIZE))
    with start() as process:
        assert process(SUM) == {"sum": 3.0}
    assert old not in list_folders(tmp_path)


SMALL_DISK = ["unshare", "-Urm", "sh", "-ec", 'mount -t tmpfs -o size=5m tmpfs "$0"; exec "$@"']


def can_mount(folder: Path) -> bool:
    command = [*SMALL_DISK, str(folder), "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


CRASH_TWICE = """
import os, subprocess, sys
child = '''
import os
from tests.functional.updates import SUM
from types import SimpleNamespace
from lambda_serving.handler import lambda_handler
context = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 29_000)
print(lambda_handler(SUM, context), flush=True)
os.kill(os.getpid(), 9)
'''
for _ in range(3):
    subprocess.run([sys.executable, "-c", child])
"""


def test_a_model_of_over_half_the_disk(
    start: Callable[..., EndpointProcess], tmp_path: Path
) -> None:
    if not can_mount(tmp_path / "scratch"):
        pytest.skip("this machine lets nobody mount a file system of its own")
    environment: dict[str, Any] = start()._environment
    done = subprocess.run(
        [*SMALL_DISK, str(tmp_path / "scratch"), sys.executable, "-c", CRASH_TWICE],
        env=environment
        | {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "POWERTOOLS_METRICS_DISABLED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [str({"sum": 3.0})] * 3, done.stderr

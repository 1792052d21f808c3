"""`lambda-serving model upload` where something goes wrong: cut, killed, refused, many at once."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.registry import BUCKET, INDEX, MIB, NAMED, Registry, end_command
from tests.servers.faults import (
    LISTING,
    Fault,
    access_denied,
    cut_after,
    cut_before,
    overtaken,
    slow_down,
)
from tests.servers.s3 import Request

MODEL = "registry/p/n/1/model.bin"
LARGE = 11 * MIB
"""Bytes of three parts."""
WRITES = 7
"""Of such an upload: reserved; begun, three parts, completed; entered in the index."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path) as registry:
        yield registry


def count_parts(registry: Registry) -> Counter[str]:
    """Part number -> how often it came."""
    parts = [r.query for r in registry.s3.requests if r.method == "PUT" and r.query]
    return Counter(dict(pair.split("=") for pair in q.split("&"))["partNumber"] for q in parts)


@pytest.mark.parametrize(
    ("index", "model", "listing"),
    [
        (overtaken(times=6), cut_before("PUT", times=2), slow_down(times=1)),
        (cut_before("PUT", times=1), slow_down(times=3), Fault()),
        # The number is reserved, and nobody says so.
        (cut_after("PUT", times=1), cut_after("PUT", times=2), Fault()),
        (Fault(500, "InternalError", 1, method="PUT"), cut_before("POST", times=1), Fault()),
        (Fault(cut_after=20, times=1, method="GET"), cut_after("POST", times=1), Fault()),
    ],
)
def test_passing_faults(registry: Registry, index: Fault, model: Fault, listing: Fault) -> None:
    registry.s3.put(BUCKET, "registry/p/n/other", b"")
    registry.s3.faults |= {INDEX: index, MODEL: model, LISTING: listing}
    done = registry.upload(registry.write("model.bin", LARGE))
    assert (done["version"], done["existing"]) == ("1", False)
    assert list(registry.check_whole()) == ["1"]
    assert index.times <= 0 and model.times <= 0 and listing.times <= 0


@pytest.mark.parametrize("fault", [cut_after("PUT", 1), overtaken(6)], ids=str)
def test_faults_of_the_commit_alone(registry: Registry, fault: Fault) -> None:
    """The version is entered, and nobody says so; or others always come first."""

    def switch_on(request: Request, is_done: bool) -> None:
        if request.key == MODEL and request.method == "PUT":
            registry.s3.faults[INDEX] = fault

    registry.s3.watch = switch_on
    done = registry.upload(registry.write("model.bin", b"weights"))
    assert (done["version"], done["existing"]) == ("1", False)
    assert list(registry.check_whole()) == ["1"]
    assert "reserved" not in registry.read_index()


def test_complete_without_an_answer(registry: Registry) -> None:
    """S3 made the object; the repetition finds no upload, and the object is the file."""

    def lose(request: Request, is_done: bool) -> None:
        if is_done and request.method == "POST" and "uploadId" in request.query:
            registry.s3.faults[MODEL] = cut_after("POST", 1)

    registry.s3.watch = lose
    registry.s3.faults[MODEL] = Fault(method="POST", times=0)
    registry.upload(registry.write("model.bin", LARGE))
    assert list(registry.check_whole()) == ["1"]
    assert set(count_parts(registry).values()) == {1}


def test_after_a_cut_only_what_is_missing_is_sent(registry: Registry) -> None:
    path = registry.write("model.bin", LARGE)
    cut = 0

    def go_away(request: Request, is_done: bool) -> None:
        nonlocal cut
        cut += is_done and "partNumber=2" in request.query
        if cut:
            registry.s3.faults[MODEL] = Fault(hang_up=True)

    registry.s3.watch = go_away
    command = ("upload", *NAMED, path, "--framework", "custom", "--part-size", 5)
    _, err = registry.run(*command, code=1)
    assert "What went wrong" in err and "the same command again goes on" in err
    assert registry.check_whole() == {}
    sent = {part for upload in registry.s3.uploads.values() for part in upload.parts}
    assert 2 in sent

    registry.s3.watch = None
    registry.s3.faults.clear()
    registry.s3.requests.clear()
    assert registry.ask(*command)["version"] == "1"
    assert set(map(int, count_parts(registry))) == {1, 2, 3} - sent
    assert list(registry.check_whole()) == ["1"]
    assert registry.s3.uploads == {}
    assert list((registry.folder / "cache" / "lambda-serving" / "uploads").iterdir()) == []


def test_what_the_credentials_do_not_permit(registry: Registry) -> None:
    registry.s3.faults[INDEX] = access_denied()
    path = registry.write("model.bin", b"weights")
    _, err = registry.run("upload", *NAMED, path, "--framework", "custom", code=1)
    assert "--profile" in err
    assert registry.list_keys() == []


def kill_after(process: subprocess.Popen[str], count: int) -> Any:
    """A watch that kills the process when its n-th write is done, and not yet answered."""
    seen = 0

    def watch(request: Request, is_done: bool) -> None:
        nonlocal seen
        seen += is_done and request.method in ("PUT", "POST")
        if seen == count:
            process.kill()
            process.wait()

    return watch


@pytest.mark.parametrize("count", range(1, WRITES + 1))
def test_killed_at_any_point(registry: Registry, count: int) -> None:
    """After any kill the index is whole, and the same command makes one version of the file.

    What the bucket holds changes with a write alone, so that these are all the points there are.
    """
    path = registry.write("model.bin", LARGE)
    command = ("upload", *NAMED, path, "--framework", "custom", "--part-size", 5)
    process = registry.start(*command)
    registry.s3.watch = kill_after(process, count)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    visible = registry.check_whole()
    assert list(visible) == (["1"] if count == WRITES else [])
    registry.s3.watch = None
    done = registry.upload(path)
    assert (done["version"], done["existing"]) == ("1", bool(visible))
    assert list(registry.check_whole()) == ["1"]
    assert registry.list_keys() == [MODEL, INDEX]
    writes = [r for r in registry.s3.requests if r.method in ("PUT", "POST")]
    assert len(writes) <= WRITES + 3  # the parts that were under way


def test_interrupt(registry: Registry) -> None:
    """Ctrl-C ends it at once and leaves what the next one goes on with."""
    registry.s3.faults[MODEL] = Fault(delay=0.5, method="PUT")
    path = registry.write("model.bin", 3 * LARGE)
    process = registry.start("upload", *NAMED, path, "--framework", "custom", "--part-size", 5)
    while not count_parts(registry):
        time.sleep(0.02)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert process.returncode == 130 and "Traceback" not in out + err
    assert registry.check_whole() == {}
    registry.s3.faults.clear()
    assert registry.upload(path)["version"] == "1"
    assert list(registry.check_whole()) == ["1"]


def test_the_same_artifact_by_two_at_once(registry: Registry) -> None:
    path = registry.write("model.bin", LARGE)
    command = ("upload", *NAMED, path, "--framework", "custom", "--json")
    processes = [registry.start(*command) for _ in range(2)]
    for process in processes:
        end_command(process)
    assert len(registry.check_whole()) == 1
    assert len(registry.list_keys()) == 2

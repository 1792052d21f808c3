"""What only the registry's own functions can be brought into: others come first, at a moment."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_serving_cli.registry import index as index_module
from lambda_serving_cli.registry import publication as publication_module
from lambda_serving_cli.registry.artifact import read_artifact
from lambda_serving_cli.registry.changes import remove_version
from lambda_serving_cli.registry.index import change_index
from lambda_serving_cli.registry.layout import ModelName
from lambda_serving_cli.registry.publication import Outcome, Publication, publish_version
from lambda_serving_cli.terminal.errors import CommandError
from tests.functional.registry import INDEX, MIB, Registry
from tests.servers.faults import Fault, overtaken
from tests.servers.s3 import Request

MODEL = ModelName("p", "n")


class Told:
    """A Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.done = 0

    def begin(self, what: str, total: int) -> None:
        self.texts.append(what)

    def advance(self, size: int) -> None:
        self.done += size

    def tell(self, what: str) -> None:
        self.texts.append(what)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(publication_module, "PATIENCE", 0.3)
    with Registry(tmp_path) as registry:
        yield registry


def publish(registry: Registry, path: Path, told: Told | None = None, **options: Any) -> Outcome:
    artifact = read_artifact(path, 5 * MIB, lambda _: None)
    publication = Publication(artifact, "custom", {}, **options)
    return publish_version(registry.connect(), MODEL, publication, told or Told())


def when_uploaded(registry: Registry, name: str, action: Any) -> None:
    """Do something once, as soon as a file of that name is in the bucket."""
    lock, done = threading.Lock(), []

    def watch(request: Request, is_done: bool) -> None:
        is_object = request.method == "POST" or not request.query
        if is_done and request.key.endswith(name) and is_object and request.method != "GET":
            if "uploads" not in request.query and not done and lock.acquire(blocking=False):
                done.append(action())

    registry.s3.watch = watch


@pytest.mark.parametrize("size", [1000, 11 * MIB], ids=["one part", "three parts"])
def test_overtaken(registry: Registry, size: int) -> None:
    """Version 2 is ready while 1 is still on its way: 1 becomes 3, copied within the bucket."""
    slow, quick = registry.write("slow.bin", size), registry.write("quick.bin", b"weights")
    when_uploaded(registry, "slow.bin", lambda: publish(registry, quick))
    told = Told()
    assert publish(registry, slow, told).version == "3"
    assert list(registry.check_whole()) == ["2", "3"]
    assert "another version was ready before 1: this becomes 3" in told.texts
    assert told.done == size
    assert registry.list_keys("registry/p/n/1/") == []
    assert "reserved" not in registry.read_index() and registry.read_index()["next"] == 4


def test_overtaken_by_the_same_artifact(registry: Registry) -> None:
    path, copy = registry.write("a/model.bin", b"weights"), registry.write("b/copy.bin", b"weights")

    def publish_elsewhere() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(registry.folder / "another machine"))
            publish(registry, copy)

    when_uploaded(registry, "a/model.bin", None)
    when_uploaded(registry, "model.bin", publish_elsewhere)
    told = Told()
    outcome = publish(registry, path, told, tags=["late"])
    assert outcome.existing and outcome.version == "2" and outcome.entry["tags"] == ["late"]
    assert "the same artifact became version 2 meanwhile" in told.texts
    assert registry.list_keys() == ["registry/p/n/2/copy.bin", INDEX]
    assert "reserved" not in registry.read_index()


def test_removed_while_it_is_uploaded(registry: Registry) -> None:
    """The upload takes the next number, and sends its file once more."""
    path = registry.write("model.bin", b"weights")

    def remove() -> None:
        bucket = registry.connect()
        with pytest.raises(CommandError, match="is being uploaded"):
            remove_version(bucket, MODEL, "1", force=False, keep_files=False)
        remove_version(bucket, MODEL, "1", force=True, keep_files=False)

    when_uploaded(registry, "model.bin", remove)
    assert publish(registry, path).version == "2"
    assert list(registry.check_whole()) == ["2"]
    assert registry.list_keys() == ["registry/p/n/2/model.bin", INDEX]


def test_a_dead_reservation_costs_patience_once(registry: Registry) -> None:
    registry.s3.faults["registry/p/n/1/model.bin"] = Fault(403, "AccessDenied")
    with pytest.raises(Exception, match="AccessDenied"):
        publish(registry, registry.write("model.bin", b"weights"))
    told = Told()
    assert publish(registry, registry.write("other.bin", b"others"), told).version == "2"
    assert "waiting for version 1, begun before this one" in told.texts
    assert "reserved" not in registry.read_index()
    told = Told()
    assert publish(registry, registry.write("third.bin", b"third"), told).version == "3"
    assert told.texts == ["uploading version 3"]


@pytest.mark.parametrize("change", ["other bytes", "gone"])
def test_a_file_that_changes_meanwhile(registry: Registry, change: str) -> None:
    """What the index pins is what was digested; what is half written is no version."""
    path = registry.write("model.bin", 11 * MIB)
    artifact = read_artifact(path, 5 * MIB, lambda _: None)
    if change == "gone":
        path.unlink()
    else:
        registry.write("model.bin", 11 * MIB)
    publication = Publication(artifact, "custom", {})
    with pytest.raises(CommandError, match="changed while it was|No such file"):
        publish_version(registry.connect(), MODEL, publication, Told())
    assert registry.check_whole() == {}


def test_an_index_that_others_keep_changing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "PATIENCE", 0.3)
    registry.s3.faults[INDEX] = overtaken(times=-1)
    with pytest.raises(CommandError, match="others kept changing"):
        publish(registry, registry.write("model.bin", b"weights"))


def test_writers_in_many_threads_lose_nothing(registry: Registry) -> None:
    publish(registry, registry.write("model.bin", b"weights"))
    bucket = registry.connect()

    def add(number: int) -> None:
        change_index(
            bucket, MODEL, lambda index: index["versions"]["1"]["tags"].append(str(number))
        )

    threads = [threading.Thread(target=add, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(registry.read_index()["versions"]["1"]["tags"]) == set(map(str, range(16)))


def test_keys_of_later_programs_are_kept(registry: Registry) -> None:
    publish(registry, registry.write("model.bin", b"weights"))
    bucket = registry.connect()

    def add(index: Any) -> None:
        index["owner"] = "someone"
        index["versions"]["1"]["accuracy"] = 0.9

    change_index(bucket, MODEL, add)
    publish(registry, registry.write("model.bin", b"more"))
    index = registry.read_index()
    assert index["owner"] == "someone" and index["versions"]["1"]["accuracy"] == 0.9


@pytest.mark.parametrize("what", ["a file", "nowhere"])
def test_without_a_cache(registry: Registry, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """An upload works where nothing can be remembered."""
    if what == "a file":
        monkeypatch.setenv("XDG_CACHE_HOME", str(registry.write("cache", b"")))
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", "/dev/null")
    assert publish(registry, registry.write("model.bin", b"weights")).version == "1"

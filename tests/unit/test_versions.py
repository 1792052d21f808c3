"""Versions: loaded on use, tried again with backoff, unloaded to stay within the budget."""

from typing import Any, cast

import pytest

from lambda_serving.errors import ModelFetchError
from lambda_serving.pipeline.endpoint import Endpoint
from lambda_serving.versions.loaded import LONGEST_PAUSE, LoadedVersions


class Store:
    """Loads versions that cost what ``costs`` says; notes loads and unloads."""

    def __init__(self, **costs: int) -> None:
        self.costs = costs
        self.model_size = 0
        self.broken: set[str] = set()
        self.notes: list[str] = []
        self.now = 100.0

    def load(self, version: str) -> Endpoint:
        self.notes.append(f"load {version}")
        if version in self.broken:
            raise ModelFetchError("the model is not there")
        return cast(Endpoint, Loaded(self, version))

    def make_versions(self, budget: int = 100) -> LoadedVersions:
        return LoadedVersions(self.load, lambda: budget, lambda: self.now)


class Loaded:
    """Stands for an endpoint: its version, and what it costs."""

    def __init__(self, store: Store, version: str) -> None:
        self.store = store
        self.version = version
        self.cost = store.costs.get(version, 0)
        self.model_size = store.model_size

    def restore(self) -> None:
        self.store.notes.append(f"restore {self.version}")

    def close(self) -> None:
        self.store.notes.append(f"unload {self.version}")


def get_all(versions: LoadedVersions, names: str) -> None:
    for name in names:
        assert cast(Any, versions.get(name)).version == name


def test_backoff_doubles_and_ends_with_success() -> None:
    store = Store()
    store.broken.add("1")
    versions = store.make_versions()
    pauses = []
    for _ in range(8):
        with pytest.raises(ModelFetchError) as failed:
            versions.get("1")
        pause = int(failed.value.headers["retry-after"])
        pauses.append(pause)
        tries = len(store.notes)
        store.now += pause - 0.5
        with pytest.raises(ModelFetchError) as failed:
            versions.get("1")
        assert failed.value.headers["retry-after"] == "1"
        assert len(store.notes) == tries
        store.now += 0.5
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE]
    store.broken.clear()
    get_all(versions, "1")
    assert versions.is_loaded("1")
    assert not versions.is_loaded("2")


def test_backoff_starts_anew_after_success() -> None:
    store = Store(a=60, b=60)
    versions = store.make_versions()
    store.broken.add("a")
    for pause in (1, 2):
        with pytest.raises(ModelFetchError):
            versions.get("a")
        store.now += pause
    store.broken.clear()
    get_all(versions, "ab")
    store.broken.add("a")
    with pytest.raises(ModelFetchError) as failed:
        versions.get("a")
    assert failed.value.headers["retry-after"] == "1"


def test_an_error_told_again_does_not_grow() -> None:
    """Its traceback would keep the frames of every request before."""
    store = Store()
    store.broken.add("1")
    versions = store.make_versions()
    depths = set()
    for _ in range(4):
        with pytest.raises(ModelFetchError) as failed:
            versions.get("1")
        frame: Any = failed.value.__traceback__
        depth = 0
        while frame:
            depth, frame = depth + 1, frame.tb_next
        depths.add(depth)
    assert max(depths) <= 4


def test_versions_fail_apart() -> None:
    store = Store()
    store.broken.add("2")
    versions = store.make_versions()
    with pytest.raises(ModelFetchError):
        versions.get("2")
    get_all(versions, "1")


def test_loaded_once() -> None:
    store = Store(a=10, b=10)
    get_all(store.make_versions(), "aabba")
    assert store.notes == ["load a", "load b"]


@pytest.mark.parametrize(
    ("asked", "notes"),
    [
        # What fits stays: 40 + 40 <= 100.
        ("abab", ["load a", "load b"]),
        # A third of the same size does not: the least recently used goes, first.
        ("abc", ["load a", "load b", "unload a", "load c"]),
        ("abac", ["load a", "load b", "unload b", "load c"]),
        ("abca", ["load a", "load b", "unload a", "load c", "unload b", "load a"]),
        # Known to be small once loaded: nothing has to go for it the second time.
        ("abs", ["load a", "load b", "unload a", "load s"]),
        ("abssa", ["load a", "load b", "unload a", "load s", "load a"]),
        # Larger than the budget: alone.
        ("abX", ["load a", "load b", "unload a", "load X", "unload b"]),
        ("Xa", ["load X", "unload X", "load a"]),
    ],
)
def test_the_least_recently_used_goes(asked: str, notes: list[str]) -> None:
    store = Store(a=40, b=40, c=40, s=5, X=150)
    get_all(store.make_versions(), asked)
    assert store.notes == notes


def test_a_version_larger_than_the_budget_is_served() -> None:
    store = Store(X=150)
    versions = store.make_versions()
    get_all(versions, "XXX")
    assert store.notes == ["load X"]


@pytest.mark.parametrize(
    ("model_size", "notes"),
    [
        # A model of 3 bytes cannot have cost 90: the rest are modules that stay.
        (3, ["load a", "load b", "load c"]),
        (30, ["load a", "unload a", "load b", "load c"]),
        # No model: what was loaded is the user's own, and known by its cost alone.
        (0, ["load a", "unload a", "load b", "load c"]),
    ],
)
def test_the_first_load_pays_for_no_module(model_size: int, notes: list[str]) -> None:
    store = Store(a=90, b=5, c=5)
    store.model_size = model_size
    get_all(store.make_versions(), "abc")
    assert store.notes == notes


def test_later_loads_cost_what_they_cost() -> None:
    store = Store(a=5, b=60, c=60)
    store.model_size = 1
    get_all(store.make_versions(), "abc")
    assert store.notes == ["load a", "load b", "unload a", "unload b", "load c"]


def test_a_failed_load_makes_room_but_costs_nothing() -> None:
    store = Store(a=60, b=60)
    store.broken.add("b")
    versions = store.make_versions()
    get_all(versions, "a")
    with pytest.raises(ModelFetchError):
        versions.get("b")
    assert not versions.is_loaded("b")
    get_all(versions, "a")


def test_the_budget_is_asked_when_it_matters() -> None:
    """It stands in endpoint.toml, which cannot be read while it is broken."""

    def refuse() -> int:
        raise AssertionError("the budget was asked for with nothing loaded")

    store = Store()
    store.broken.add("1")
    versions = LoadedVersions(store.load, refuse, lambda: store.now)
    with pytest.raises(ModelFetchError):
        versions.get("1")


def test_close_unloads_all_once() -> None:
    store = Store()
    store.broken.add("z")
    versions = store.make_versions()
    get_all(versions, "ab")
    with pytest.raises(ModelFetchError):
        versions.get("z")
    versions.close()
    versions.close()
    assert store.notes == ["load a", "load b", "load z", "unload a", "unload b"]
    assert not versions.is_loaded("a")


def test_one_thread_at_a_time() -> None:
    """Two requests for a version at once load it once."""
    from threading import Barrier, Thread

    store, barrier = Store(), Barrier(4)
    versions = store.make_versions()

    def ask() -> None:
        barrier.wait()
        versions.get("a")

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.notes == ["load a"]


def test_after_a_snapshot_no_pause_counts() -> None:
    """The clock may have gone on by days, or back."""
    store = Store()
    store.broken = {"2"}
    versions = store.make_versions()
    versions.get("1")
    for _ in range(2):
        with pytest.raises(ModelFetchError):
            versions.get("2")
    store.broken.clear()
    store.now = 1.0
    versions.restore()
    versions.get("2")
    assert store.notes == ["load 1", "load 2", "restore 1", "load 2"]

from typing import Any, cast

import pytest
from lambda_serving.endpoint import Endpoint
from lambda_serving.errors import ModelFetchError
from lambda_serving.models.versions import LONGEST_PAUSE, Versions

LOADED = cast(Endpoint, object())


class Store:
    """Fails until told otherwise; counts its tries."""

    def __init__(self) -> None:
        self.broken = True
        self.tries = 0
        self.now = 100.0

    def load(self, version: str) -> Endpoint:
        self.tries += 1
        if self.broken:
            raise ModelFetchError("the model is not there")
        return LOADED


def test_backoff_doubles_and_ends_with_success() -> None:
    store = Store()
    versions = Versions(store.load, clock=lambda: store.now)
    pauses = []
    for _ in range(8):
        with pytest.raises(ModelFetchError) as failed:
            versions.get("1")
        pause = int(failed.value.headers["retry-after"])
        pauses.append(pause)
        tries = store.tries
        store.now += pause - 0.5
        with pytest.raises(ModelFetchError):
            versions.get("1")
        assert store.tries == tries
        store.now += 0.5
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE]
    store.broken = False
    assert versions.get("1") is LOADED
    assert versions.is_loaded("1")
    assert not versions.is_loaded("2")


def test_an_error_told_again_does_not_grow() -> None:
    """Its traceback would keep the frames of every request before."""
    store = Store()
    versions = Versions(store.load, clock=lambda: store.now)
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
    def load(version: str) -> Endpoint:
        if version == "2":
            raise ModelFetchError("the model is not there")
        return LOADED

    versions = Versions(load)
    with pytest.raises(ModelFetchError):
        versions.get("2")
    assert versions.get("1") is LOADED

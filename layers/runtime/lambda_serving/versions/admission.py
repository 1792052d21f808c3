"""Admits new versions: each must load and answer its sample request before it gets traffic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from lambda_serving.errors import LoadError, ModelFetchError, ModelLoadError
from lambda_serving.messages.request import Request
from lambda_serving.models.registry import Entry, Index
from lambda_serving.settings.runtime import MEGABYTE, Runtime
from lambda_serving.settings.version_keys import WITHOUT_MODEL
from lambda_serving.versions.loaded import LoadedVersions
from lambda_serving.versions.rollout import Rollout
from lambda_serving.versions.sample import answer_sample, parse_sample, read_samples

logger = logging.getLogger("lambda_serving")

SPARE = 1.5
"""A load starts only if this many times the seconds of the last load are left."""


class Admission:
    """Tries versions of the registry, each once."""

    def __init__(
        self,
        index: Index,
        rollout: Rollout,
        loaded: LoadedVersions,
        runtime: Runtime,
        clock: Callable[[], float],
    ) -> None:
        self._index = index
        self._rollout = rollout
        self._loaded = loaded
        self._runtime = runtime
        self._clock = clock
        self._admitted: set[str] = set()
        self._load_seconds = 0.0
        self.failed: dict[str, str] = {}
        """Versions that failed, and why. They are not tried again."""

    def admit(
        self,
        entries: Sequence[Entry],
        places: int,
        end: float,
        report: Callable[[LoadError, str], None],
    ) -> tuple[list[Entry], bool]:
        """Try the newest entries until ``places`` of them work, or ``end`` is too near.

        Returns the entries that work, and whether all models could be fetched. ``report`` gets
        each error and its version.
        """
        ready: list[Entry] = []
        could_fetch = True
        for entry in entries:
            version = entry.settings.version
            if len(ready) == places:
                break
            if version in self.failed or not (
                version in self._admitted or self._has_time(entry, end)
            ):
                continue
            try:
                self._try(entry)
                ready.append(entry)
            except LoadError as error:
                if isinstance(error, ModelFetchError):
                    could_fetch = False
                else:
                    self.failed[version] = f"{error.type}: {error.detail}"
                report(error, version)
        return ready, could_fetch

    def _has_time(self, entry: Entry, end: float) -> bool:
        """Whether a load fits before ``end``. Lambda would end the function in the middle of it."""
        seconds = end - self._clock()
        if not self._rollout.default or seconds >= SPARE * self._load_seconds + 1:
            return True
        logger.warning(
            "%.1f s are too few to load version %s, the last load took %.1f s: a longer Timeout"
            " of the function gives it time",
            seconds,
            entry.settings.version,
            self._load_seconds,
        )
        return False

    def _try(self, entry: Entry) -> None:
        """Load a version and let it answer its sample request, once."""
        version = entry.settings.version
        if version in self._admitted:
            return
        # A version can be loaded once the rollout has it; it gets no traffic yet.
        known = self._rollout.versions
        self._rollout.versions = {**known, version: entry.settings}
        try:
            memory = self._runtime.memory_mb * MEGABYTE
            if entry.size > memory and entry.settings.engine not in WITHOUT_MODEL:
                # It would end the process. Custom code may read a model in parts.
                raise ModelLoadError(
                    f"its model has {entry.size} bytes, the function's memory {memory}"
                )
            started = self._clock()
            endpoint = self._loaded.get(version, keep=self._rollout.default)
            self._load_seconds = self._clock() - started
            for sample in self._read_samples(entry):
                answer_sample(endpoint, sample)
        except LoadError:
            self._rollout.versions = known
            self._loaded.forget(version)
            raise
        self._admitted.add(version)

    def _read_samples(self, entry: Entry) -> list[Request]:
        """The version's own sample in the registry; without one, those beside the code.

        Raises:
            LoadError: one cannot be read.
        """
        if entry.sample is None:
            return read_samples(self._runtime)
        content = self._index.read_sample(entry)
        return [parse_sample(entry.sample, content, entry.settings.version)]

    def forget(self, version: str) -> None:
        """Unload a version that the endpoint no longer has."""
        self._admitted.discard(version)
        self._loaded.forget(version)

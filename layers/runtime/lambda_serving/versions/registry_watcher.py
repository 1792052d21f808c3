"""``[auto_update]``: the endpoint's versions follow the registry, with no deploy and no restart.

A new version is loaded beside the old one, between two requests; the endpoint switches once it
has loaded and answered its sample request. What fails on the way is told, and the old version goes
on (docs/decisions/0015-automatic-updates.md).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Protocol

from lambda_serving.errors import LoadError, ModelFetchError, ModelLoadError
from lambda_serving.models.registry import Entry, Index
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.auto_update import AutoUpdate
from lambda_serving.settings.version_keys import WITHOUT_MODEL
from lambda_serving.versions.rollout import Rollout
from lambda_serving.versions.sample import answer_sample, parse_sample

logger = logging.getLogger("lambda_serving")

RETRY_SECONDS = 2.0
"""Between two looks while there is no version at all."""

LONGEST_PAUSE = 600.0
"""Seconds between two looks while the registry cannot be asked; each costs a request up to 2 s."""

SPARE = 1.5
"""Times the last load's seconds that must be left for the next one."""


class Versions(Protocol):
    """What loads versions and forgets them."""

    def get(self, version: str, keep: str | None = None) -> Servable:
        """See ``models.versions.Versions``."""

    def forget(self, version: str) -> None:
        """See ``models.versions.Versions``."""


class Follower:
    """Looks for news and brings them into the rollout."""

    def __init__(
        self,
        update: AutoUpdate,
        index: Index,
        rollout: Rollout,
        versions: Versions,
        memory: int,
        count: Callable[..., None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``memory`` is the function's, in bytes; ``count`` counts a metric of the endpoint."""
        self._update = update
        self._index = index
        self._rollout = rollout
        self._versions = versions
        self._memory = memory
        self._count = count
        self._clock = clock
        self._entries: list[Entry] = []
        self._ready: set[str] = set()
        """Versions that loaded and answered their sample request."""
        self._look_at = -math.inf
        self._failures = 0
        """Looks in a row that could not ask for something."""
        self._is_waiting = False
        """Whether versions are left that the cold start had no time to try."""
        self._load_seconds = 0.0
        self._failed: dict[str, str] = {}
        """Versions that cannot be used, and why; an artifact never changes, so that holds."""
        self.error: LoadError | None = None
        """Why there is no version at all."""

    @property
    def broken(self) -> dict[str, str]:
        """Versions that cannot be used, and why."""
        wrong = {version: f"its entry: {reason}" for version, reason in self._index.wrong.items()}
        return wrong | self._failed

    def restore(self) -> None:
        """After a snapshot: of unknown age, so a look is due."""
        self._index.connect()
        self._look_at = -math.inf

    def is_due(self) -> bool:
        return self._is_waiting or self._clock() >= self._look_at

    def look(self, seconds: float) -> None:
        """Ask the registry, where that is due, and bring in what is new.

        ``seconds`` are left for it.
        """
        end = self._clock() + seconds
        is_first = not self._rollout.default
        self._is_waiting = False
        is_asked = self._clock() >= self._look_at
        try:
            found = self._index.look(is_quick=not is_first) if is_asked else None
            if found is not None:
                self._entries = found
            could_ask = self._bring_in(1 if is_first else self._rollout.places, end)
        except LoadError as error:
            could_ask = False
            if str(error) != str(self.error):
                self._report(error, "-")
        if is_asked:
            self._failures = 0 if could_ask else self._failures + 1
            self._plan()

    def _plan(self) -> None:
        pause = self._update.poll_seconds
        if not self._rollout.default:
            pause = min(pause, RETRY_SECONDS)
        elif self._failures:
            pause = max(pause, min(pause * 2 ** min(self._failures, 10), LONGEST_PAUSE))
        self._look_at = self._clock() + pause

    def _bring_in(self, places: int, end: float) -> bool:
        """Switch to the newest versions that work; those that answer unasked are ``places``.

        Whether all that is new could be fetched.

        Raises:
            ModelFetchError: the registry has no version.
        """
        ready, could_fetch = self._find_ready(places, end)
        if not ready:
            if not self._rollout.default and not self._failed:
                raise self._describe_absence()
            return could_fetch
        self.error = None
        newest, known = (
            ready[0],
            [e for e in self._entries if e.settings.version not in self._failed],
        )
        known = known[known.index(newest) :][: self._update.max_versions]
        versions = {entry.settings.version: entry.settings for entry in known}
        gone = set(self._rollout.versions) - set(versions)
        if self._rollout.default != newest.settings.version:
            logger.info("version %s answers from now on", newest.settings.version)
        names = [entry.settings.version for entry in ready if entry in known]
        self._rollout.set_versions(versions, newest.settings.version, names)
        for version in gone:
            self._ready.discard(version)
            self._versions.forget(version)
        self._is_waiting = places < self._rollout.places and len(known) > len(names)
        return could_fetch

    def _describe_absence(self) -> ModelFetchError:
        update = self._update
        wanted = ["published"] * update.published + [f"tag {tag!r}" for tag in update.tags]
        wrong = self._index.wrong
        return ModelFetchError(
            f"the model {update.name!r} of the project {update.project!r} has no version"
            f"{' with: ' if wanted else ''}{', '.join(wanted)}"
            f"{'; entries that are wrong: ' if wrong else ''}{', '.join(wrong)}"
        )

    def _find_ready(self, places: int, end: float) -> tuple[list[Entry], bool]:
        """The newest entries that work, ``places`` at most; and whether all could be fetched."""
        ready: list[Entry] = []
        could_fetch = True
        for entry in self._entries:
            version = entry.settings.version
            if len(ready) == places:
                break
            if version in self._failed or not (
                version in self._ready or self._has_time(entry, end)
            ):
                continue
            try:
                self._try(entry)
                ready.append(entry)
            except LoadError as error:
                if isinstance(error, ModelFetchError):
                    could_fetch = False
                else:
                    self._failed[version] = f"{error.type}: {error.detail}"
                self._report(error, version)
        return ready, could_fetch

    def _has_time(self, entry: Entry, end: float) -> bool:
        """Whether a load fits before ``end``; a function that is ended in one begins it again."""
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
        """Load a version and let it answer its sample request, once.

        Raises:
            LoadError: it does not load, or does not answer.
        """
        version = entry.settings.version
        if version in self._ready:
            return
        # It can be loaded as soon as the rollout knows it; nobody is sent there yet.
        known = self._rollout.versions
        self._rollout.versions = {**known, version: entry.settings}
        try:
            self._check_size(entry)
            started = self._clock()
            endpoint = self._versions.get(version, keep=self._rollout.default)
            self._load_seconds = self._clock() - started
            if entry.sample is not None:
                answer_sample(endpoint, parse_sample(self._index.read_sample(entry), version))
        except LoadError:
            self._rollout.versions = known
            self._versions.forget(version)
            raise
        self._ready.add(version)

    def _check_size(self, entry: Entry) -> None:
        """Refuse what would end the process, and the next one too.

        Raises:
            ModelLoadError: the model is larger than the memory. Custom code may read it in parts.
        """
        if entry.size > self._memory and entry.settings.engine not in WITHOUT_MODEL:
            raise ModelLoadError(
                f"its model has {entry.size} bytes, the function's memory {self._memory}"
            )

    def _report(self, error: LoadError, version: str) -> None:
        self.error = error
        current = self._rollout.default
        logger.error(
            "the update%s failed: %s: %s%s; %s",
            "" if version == "-" else f" to version {version}",
            error.type,
            error.detail,
            f" [{error.private}]" if error.private else "",
            f"version {current} goes on" if current else "there is no version yet",
            exc_info=error,
        )
        self._count("FailedUpdates", Version=version, Cause=error.type)

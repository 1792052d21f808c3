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

from lambda_serving.auto_update import AutoUpdate
from lambda_serving.encoding import decode_body
from lambda_serving.endpoint import Servable
from lambda_serving.errors import LoadError, ModelFetchError, ServingError
from lambda_serving.models.registry import Entry, Index
from lambda_serving.request import Request
from lambda_serving.rollout import Rollout
from lambda_serving.sample import answer_sample

logger = logging.getLogger("lambda_serving")

RETRY_SECONDS = 2.0
"""Between two looks while there is no version at all."""

SAMPLE_BYTES = 10 * 1024 * 1024


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
        count: Callable[..., None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``count`` counts a metric of the endpoint."""
        self._update = update
        self._index = index
        self._rollout = rollout
        self._versions = versions
        self._count = count
        self._clock = clock
        self._entries: list[Entry] = []
        self._look_at = -math.inf
        self._load_seconds = 0.0
        self.broken: dict[str, str] = {}
        """Versions that cannot be used, and why; an artifact never changes, so that holds."""
        self.error: LoadError | None = None
        """Why there is no version at all."""

    def restore(self) -> None:
        """After a snapshot: of unknown age, so a look is due."""
        self._index.connect()
        self._look_at = -math.inf

    def is_due(self) -> bool:
        return self._clock() >= self._look_at

    def look(self, seconds: float) -> None:
        """Ask the registry and bring in what is new. ``seconds`` are left for it."""
        has_version = bool(self._rollout.default)
        if has_version and seconds < 2 * self._load_seconds + 1:
            logger.warning(
                "%.1f s are too few to look for new versions, a load took %.1f s: a longer"
                " Timeout of the function, or a scheduled warm-up, gives it time",
                seconds,
                self._load_seconds,
            )
            self._plan(has_version)
            return
        try:
            found = self._index.look()
            if found is not None:
                self._entries = found
            self._bring_in()
        except LoadError as error:
            if str(error) != str(self.error):
                self._report(error, "-")
        self._plan(bool(self._rollout.default))

    def _plan(self, has_version: bool) -> None:
        pause = self._update.poll_seconds if has_version else RETRY_SECONDS
        self._look_at = self._clock() + min(pause, self._update.poll_seconds)

    def _bring_in(self) -> None:
        """Switch to the newest version that works; keep the newest ``max_versions``."""
        usable = [entry for entry in self._entries if entry.settings.version not in self.broken]
        newest = self._find_newest(usable)
        if newest is None:
            if not self._rollout.default and not self.broken:
                raise self._describe_absence()
            return
        self.error = None
        usable = [entry for entry in self._entries if entry.settings.version not in self.broken]
        usable = usable[usable.index(newest) :][: self._update.max_versions]
        versions = {entry.settings.version: entry.settings for entry in usable}
        gone = set(self._rollout.versions) - set(versions)
        if self._rollout.default != newest.settings.version:
            logger.info("version %s answers from now on", newest.settings.version)
        self._rollout.set_versions(versions, newest.settings.version)
        for version in gone:
            self._versions.forget(version)

    def _describe_absence(self) -> ModelFetchError:
        update = self._update
        wanted = ["published"] * update.published + [f"tag {tag!r}" for tag in update.tags]
        return ModelFetchError(
            f"the model {update.name!r} of the project {update.project!r} has no version"
            f"{' with: ' if wanted else ''}{', '.join(wanted)}"
        )

    def _find_newest(self, usable: list[Entry]) -> Entry | None:
        """The newest entry that is loaded and works; the one that answers by now needs no try."""
        current = self._rollout.default
        for entry in usable:
            version = entry.settings.version
            if version == current:
                return entry
            # It can be loaded as soon as the rollout knows it; nobody is sent there yet.
            known = self._rollout.versions
            self._rollout.versions = {**known, version: entry.settings}
            try:
                self._try(entry, current)
                return entry
            except ServingError as error:
                self._rollout.versions = known
                self._versions.forget(version)
                if not isinstance(error, ModelFetchError):
                    self.broken[version] = f"{error.type}: {error.detail}"
                self._report(error, version)
        return None

    def _try(self, entry: Entry, current: str) -> None:
        """Load a version and let it answer its sample request.

        Raises:
            ServingError: it does not load, or does not answer.
        """
        started = self._clock()
        endpoint = self._versions.get(entry.settings.version, keep=current)
        self._load_seconds = self._clock() - started
        if entry.sample is None:
            return
        body = decode_body(self._index.read_sample(entry), "application/json", "", SAMPLE_BYTES)
        answer_sample(endpoint, Request(body, f"sample-{entry.settings.version}"))

    def _report(self, error: ServingError, version: str) -> None:
        if isinstance(error, LoadError):
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

"""Watches the registry for ``[auto_update]``: new versions are served without a deploy.

A new version is loaded between two requests, beside the current one. The endpoint switches to it
once it has loaded and answered its sample request. If that fails, the failure is reported and the
current version goes on (docs/decisions/0015-automatic-updates.md).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from lambda_serving.errors import LoadError, ModelFetchError
from lambda_serving.models.registry import Entry, Index
from lambda_serving.settings.auto_update import AutoUpdate
from lambda_serving.settings.runtime import Runtime
from lambda_serving.versions.admission import Admission
from lambda_serving.versions.loaded import LoadedVersions
from lambda_serving.versions.rollout import Rollout

logger = logging.getLogger("lambda_serving")

RETRY_SECONDS = 2.0
"""Maximum seconds between two checks while the endpoint has no version at all."""

LONGEST_PAUSE = 600.0
"""Maximum seconds between two checks while the registry does not answer. Each costs up to 2 s."""


class RegistryWatcher:
    """Checks the registry when a check is due, and brings new versions into the rollout."""

    def __init__(
        self,
        update: AutoUpdate,
        index: Index,
        rollout: Rollout,
        loaded: LoadedVersions,
        runtime: Runtime,
        count: Callable[..., None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``count`` counts a metric of the endpoint."""
        self._update = update
        self._index = index
        self._rollout = rollout
        self._admission = Admission(index, rollout, loaded, runtime, clock)
        self._count = count
        self._clock = clock
        self._entries: list[Entry] = []
        self._check_at = -math.inf
        self._failures = 0
        """Checks in a row that could not read everything they asked for."""
        self._is_waiting = False
        """Whether the cold start had no time to try all versions that get a share."""
        self.error: LoadError | None = None
        """The last error while there was no version."""

    @property
    def broken(self) -> dict[str, str]:
        """Versions that cannot be used, and why."""
        wrong = {version: f"its entry: {reason}" for version, reason in self._index.wrong.items()}
        return wrong | self._admission.failed

    def restore(self) -> None:
        """After a restore from a snapshot: a check is due."""
        self._index.connect()
        self._check_at = -math.inf

    def is_due(self) -> bool:
        return self._is_waiting or self._clock() >= self._check_at

    def check(self, seconds: float) -> None:
        """Ask the registry if that is due, and bring in new versions within ``seconds``."""
        end = self._clock() + seconds
        is_first = not self._rollout.default
        self._is_waiting = False
        is_asked = self._clock() >= self._check_at
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
            pause = self._update.poll_seconds
            if not self._rollout.default:
                pause = min(pause, RETRY_SECONDS)
            elif self._failures:
                pause = max(pause, min(pause * 2 ** min(self._failures, 10), LONGEST_PAUSE))
            self._check_at = self._clock() + pause

    def _bring_in(self, places: int, end: float) -> bool:
        """Switch to the newest versions that work, ``places`` of which get traffic.

        Returns whether all new models could be fetched.

        Raises:
            ModelFetchError: the registry has no version.
        """
        ready, could_fetch = self._admission.admit(self._entries, places, end, self._report)
        if not ready:
            if not self._rollout.default and not self._admission.failed:
                raise self._describe_absence()
            return could_fetch
        self.error = None
        newest, failed = ready[0], self._admission.failed
        known = [entry for entry in self._entries if entry.settings.version not in failed]
        known = known[known.index(newest) :][: self._update.max_versions]
        versions = {entry.settings.version: entry.settings for entry in known}
        gone = set(self._rollout.versions) - set(versions)
        if self._rollout.default != newest.settings.version:
            logger.info("version %s answers from now on", newest.settings.version)
        names = [entry.settings.version for entry in ready if entry in known]
        self._rollout.set_versions(versions, newest.settings.version, names)
        for version in gone:
            self._admission.forget(version)
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

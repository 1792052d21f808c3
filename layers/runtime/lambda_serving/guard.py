"""The guard of a canary: takes a version that keeps failing out of the traffic.

It knows one environment's requests; each environment finds out for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container

from lambda_serving.traffic import GuardSettings

TRIAL_REQUESTS = 10
"""That a version under suspicion and the others together get, each, before it is judged."""


class Tally:
    """Requests, and how many of them failed."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0

    def add(self, failed: bool) -> None:
        self.requests += 1
        self.failures += failed

    @property
    def share(self) -> float:
        return self.failures / self.requests


class Trial:
    """What a version under suspicion and the others answer, counted from the same moment on."""

    def __init__(self) -> None:
        self.own = Tally()
        self.others = Tally()

    def add(self, is_own: bool, failed: bool) -> None:
        (self.own if is_own else self.others).add(failed)

    @property
    def is_over(self) -> bool:
        return min(self.own.requests, self.others.requests) >= TRIAL_REQUESTS


class Guard:
    """The last results of each version, and the trials of those that fail."""

    def __init__(self, settings: GuardSettings) -> None:
        self._settings = settings
        self._failures: dict[str, deque[bool]] = {}
        self._trials: dict[str, Trial] = {}
        self.out: dict[str, float] = {}
        """Versions that are out, with the share of errors that they had."""

    def note(self, version: str, failed: bool) -> bool:
        """Note a result; whether it takes the version out.

        One that fails over the limit is tried: it and the others are counted from then on, so
        that an outage which they share, and which a version of few requests meets late, is
        laid at no version's door (docs/decisions/0015-automatic-updates.md).
        """
        for name, trial in list(self._trials.items()):
            trial.add(name == version, failed)
        failures = self._failures.setdefault(version, deque(maxlen=self._settings.window))
        failures.append(failed)
        if not failed or version in self.out or len(failures) < self._settings.window:
            return False
        if sum(failures) / len(failures) <= self._settings.errors:
            self._trials.pop(version, None)
            return False
        return self._judge(version)

    def _judge(self, version: str) -> bool:
        """Whether a version that fails over the limit goes out by now."""
        trial = self._trials.setdefault(version, Trial())
        if not trial.is_over:
            return False
        del self._trials[version]  # where it does not go out, its next failure begins another
        share = trial.own.share
        limit = self._settings.errors
        if share <= limit or trial.others.share > min(limit, share / 2):
            return False
        self.out[version] = share
        return True

    def keep(self, versions: Container[str]) -> None:
        """Forget all versions but these."""
        for name in [name for name in self._failures if name not in versions]:
            del self._failures[name]
            self._trials.pop(name, None)
            self.out.pop(name, None)

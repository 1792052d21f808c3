"""The guard of a canary: takes a version that keeps failing out of the traffic.

It knows one environment's requests; each environment finds out for itself.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Container, Mapping

from lambda_serving.errors import ServingError
from lambda_serving.settings.traffic import CircuitBreakerSettings

logger = logging.getLogger("lambda_serving")

TRIAL_REQUESTS = 10
"""That a version under suspicion and the others together get, each, before it is judged."""

CERTAINTY = 4.0
"""Standard errors between the shares of two that are not alike. By chance two that are lie so far
apart in 1 of 30,000 comparisons; 10 failures of 10 requests beside none of 10 are 4.5."""

MOST_CALLERS = 1000
"""That a trial tells apart."""


class Tally:
    """Requests, and how many of them failed."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self._callers: dict[str, bool] = {}

    def add(self, failed: bool, caller: str | None) -> None:
        """``caller`` is the value that requests stick by, where they do."""
        self.requests += 1
        self.failures += failed
        if caller is not None and (caller in self._callers or len(self._callers) < MOST_CALLERS):
            self._callers[caller] = self._callers.get(caller, False) or failed

    @property
    def share(self) -> float:
        """Of the requests that failed; at most that of the callers who met a failure.

        A sticky caller meets one version alone: what it does wrong shows nowhere else.
        """
        share = self.failures / self.requests
        if not self._callers:
            return share
        return min(share, sum(self._callers.values()) / len(self._callers))


class Trial:
    """What a version under suspicion and the others answer, counted from the same moment on."""

    def __init__(self) -> None:
        self.own = Tally()
        self.others = Tally()

    def add(self, is_own: bool, failed: bool, caller: str | None) -> None:
        (self.own if is_own else self.others).add(failed, caller)

    @property
    def is_over(self) -> bool:
        return min(self.own.requests, self.others.requests) >= TRIAL_REQUESTS

    @property
    def is_certain(self) -> bool:
        """Whether the two shares are no two draws of one (test of two proportions, pooled)."""
        own, others = self.own, self.others
        pooled = (own.share * own.requests + others.share * others.requests) / (
            own.requests + others.requests
        )
        deviation = math.sqrt(pooled * (1 - pooled) * (1 / own.requests + 1 / others.requests))
        return own.share - others.share > CERTAINTY * deviation


class Guard:
    """The last results of each version, and the trials of those that fail."""

    def __init__(self, settings: CircuitBreakerSettings) -> None:
        self._settings = settings
        self._failures: dict[str, deque[bool]] = {}
        self._trials: dict[str, Trial] = {}
        self.out: dict[str, float] = {}
        """Versions that are out, with the share of errors that they had."""

    def note(self, version: str, failed: bool, caller: str | None = None) -> bool:
        """Note a result; whether it takes the version out.

        One that fails over the limit is tried: it and the others are counted from then on, so
        that an outage which they share, and which a version of few requests meets late, is
        laid at no version's door (docs/decisions/0015-automatic-updates.md).
        """
        for name, trial in list(self._trials.items()):
            trial.add(name == version, failed, caller)
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
        share = trial.own.share
        limit = self._settings.errors
        if share <= limit or trial.others.share > min(limit, share / 2):
            del self._trials[version]  # its next failure begins another
            return False
        if not trial.is_certain:
            return False  # more requests will tell
        del self._trials[version]
        self.out[version] = share
        return True

    def keep(self, versions: Container[str]) -> None:
        """Forget all versions but these."""
        for name in [name for name in self._failures if name not in versions]:
            del self._failures[name]
            self._trials.pop(name, None)
            self.out.pop(name, None)


class Watch:
    """Tells a guard what becomes of requests, and others what the guard finds."""

    def __init__(self, settings: CircuitBreakerSettings | None, count: Callable[..., None]) -> None:
        """None watches nothing; ``count`` counts a metric of the endpoint."""
        self._guard = None if settings is None else Guard(settings)
        self._count = count
        self.out: dict[str, str] = {}
        """What is out of the traffic, and why."""

    def leave(self, shares: Mapping[str, float]) -> Mapping[str, float]:
        """The shares of those that are in the traffic; all, where none would be left."""
        if not self.out:
            return shares
        left = {name: share for name, share in shares.items() if name not in self.out}
        total = sum(left.values())
        return {name: share / total for name, share in left.items()} if total else shares

    def note(self, name: str, error: ServingError | None, caller: str | None) -> None:
        """What became of a request that ``name`` got by its share.

        What callers do wrong shows in all alike, whoever is blamed for it. A request that is
        refused before it comes to the model tells nothing of the model.
        """
        if self._guard is None or (error is not None and is_refused_early(error)):
            return
        if not self._guard.note(name, error is not None, caller):
            return
        last = "-" if error is None else f"{error.type} in {error.stage}"
        share = self._guard.out[name] * 100
        self.out[name] = f"{share:.0f} % of its requests fail, the last with {last}"
        logger.error(
            "version %s is taken out of the traffic: %s, and those of the others do not",
            name,
            self.out[name],
        )
        self._count("VersionsTakenOut", Version=name)

    def keep(self, names: Container[str]) -> None:
        """Forget all but these."""
        if self._guard is not None:
            self._guard.keep(names)
            self.out = {name: why for name, why in self.out.items() if name in names}


def is_refused_early(error: ServingError) -> bool:
    """Whether the caller is told what is wrong before the model is asked."""
    is_early = error.stage in ("request", "preprocess") and error.status < 500
    return is_early and error.type != "UnknownVersionError"  # of a canary's target: it is not there

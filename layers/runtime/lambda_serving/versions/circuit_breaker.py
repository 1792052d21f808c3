"""The circuit breaker of a traffic split: takes a version that keeps failing out of the traffic.

``[traffic] guard`` sets it. It counts the requests of one environment; each environment decides
for itself.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING

from lambda_serving.errors import ServingError

if TYPE_CHECKING:
    from lambda_serving.settings.traffic import CircuitBreakerSettings

logger = logging.getLogger("lambda_serving")

TRIAL_REQUESTS = 10
"""Requests that a suspected version gets in its trial, and as many for the others together."""

CERTAINTY = 5.0
"""Standard errors by which the two shares of failures must differ. Two versions that fail alike
differ so much in 1 of 3,000,000 trials; 13 failures of 13 requests beside 0 of 13 are 5.1."""

MOST_CALLERS = 1000
"""Sticky callers that one trial distinguishes."""


class Tally:
    """Requests, and how many of them failed."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self._callers: dict[str, bool] = {}

    def add(self, failed: bool, caller: str | None) -> None:
        """``caller`` is the request's sticky key; None without one."""
        self.requests += 1
        self.failures += failed
        if caller is not None and (caller in self._callers or len(self._callers) < MOST_CALLERS):
            self._callers[caller] = self._callers.get(caller, False) or failed

    @property
    def share(self) -> float:
        """The share of requests that failed, or of callers that met a failure if it is lower.

        All requests of a sticky caller go to one version, so that the caller's own mistakes
        show in no other version.
        """
        share = self.failures / self.requests
        if not self._callers:
            return share
        return min(share, sum(self._callers.values()) / len(self._callers))


class Trial:
    """Results of a suspected version and of all others, counted from the same moment."""

    def __init__(self) -> None:
        self.own = Tally()
        self.others = Tally()

    @property
    def is_over(self) -> bool:
        return min(self.own.requests, self.others.requests) >= TRIAL_REQUESTS

    @property
    def is_certain(self) -> bool:
        """Whether the shares differ significantly (pooled test of two proportions)."""
        own, others = self.own, self.others
        pooled = (own.share * own.requests + others.share * others.requests) / (
            own.requests + others.requests
        )
        deviation = math.sqrt(pooled * (1 - pooled) * (1 / own.requests + 1 / others.requests))
        return own.share - others.share > CERTAINTY * deviation


class CircuitBreaker:
    """Keeps requests from the targets of a traffic split that fail more than the others."""

    def __init__(self, settings: CircuitBreakerSettings | None, count: Callable[..., None]) -> None:
        """Without ``settings`` it is off. ``count`` counts a metric of the endpoint."""
        self._settings = settings
        self._count = count
        self._failures: dict[str, deque[bool]] = {}
        self._trials: dict[str, Trial] = {}
        self.taken_out: dict[str, str] = {}
        """Target -> why it is out of the traffic."""

    def filter_shares(self, shares: Mapping[str, float]) -> Mapping[str, float]:
        """The shares of the targets that are in the traffic; all of them if none would be left."""
        if not self.taken_out:
            return shares
        left = {name: share for name, share in shares.items() if name not in self.taken_out}
        total = sum(left.values())
        return {name: share / total for name, share in left.items()} if total else shares

    def record_result(self, name: str, error: ServingError | None, caller: str | None) -> None:
        """Record the result of a request that the traffic split sent to the target ``name``.

        Errors of any status count: the callers' mistakes show in all targets alike. A request
        that is refused before the model runs says nothing about the model, and does not count.
        """
        if self._settings is None or (error is not None and is_refused_early(error)):
            return
        share = self._find_failing(name, error is not None, caller, self._settings)
        if share is None or error is None:
            return
        told = f"{error.type} in {error.stage}"
        self.taken_out[name] = f"{share * 100:.0f} % of its requests fail, the last with {told}"
        logger.error(
            "version %s is taken out of the traffic: %s, and those of the others do not",
            name,
            self.taken_out[name],
        )
        self._count("VersionsTakenOut", Version=name)

    def _find_failing(
        self, name: str, failed: bool, caller: str | None, settings: CircuitBreakerSettings
    ) -> float | None:
        """Count one result. Returns the share of failures if the target is found to fail by it.

        A target over the limit gets a trial: from then on its results are compared with those
        of the others. An outage that all targets share takes none of them out, even if a
        target with few requests meets it late (docs/decisions/0015-automatic-updates.md).
        """
        for suspect, trial in list(self._trials.items()):
            (trial.own if suspect == name else trial.others).add(failed, caller)
        failures = self._failures.setdefault(name, deque(maxlen=settings.window))
        failures.append(failed)
        if not failed or name in self.taken_out or len(failures) < settings.window:
            return None
        if sum(failures) / len(failures) <= settings.errors:
            self._trials.pop(name, None)
            return None
        trial = self._trials.setdefault(name, Trial())
        if not trial.is_over:
            return None
        share = trial.own.share
        is_alike = share <= settings.errors or trial.others.share > min(settings.errors, share / 2)
        if not is_alike and not trial.is_certain:
            return None  # wait for more requests
        del self._trials[name]  # its next failure starts another
        return None if is_alike else share

    def forget_others(self, names: Container[str]) -> None:
        """Forget all targets but these."""
        for known in (self._failures, self._trials, self.taken_out):
            for name in [name for name in known if name not in names]:
                del known[name]

    def describe(self) -> dict[str, dict[str, str]]:
        """``taken_out`` for the endpoint's metadata; empty if no target is out."""
        taken_out = dict(sorted(self.taken_out.items()))
        return {"taken_out": taken_out} if taken_out else {}


def is_refused_early(error: ServingError) -> bool:
    """Whether a request is refused before the model runs, with the caller to blame."""
    is_early = error.stage in ("request", "preprocess") and error.status < 500
    return is_early and error.type != "UnknownVersionError"  # a canary's target may lack it

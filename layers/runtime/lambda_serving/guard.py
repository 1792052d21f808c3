"""The guard of a canary: takes a version that keeps failing out of the traffic.

It knows one environment's requests; each environment finds out for itself.
"""

from __future__ import annotations

from collections import deque

from lambda_serving.traffic import GuardSettings


class Guard:
    """The last results of each version."""

    def __init__(self, settings: GuardSettings) -> None:
        self._settings = settings
        self._failures: dict[str, deque[bool]] = {}
        self.out: dict[str, float] = {}
        """Versions that are out, with the share of errors that they had."""

    def note(self, version: str, failed: bool) -> bool:
        """Note a result; whether it takes the version out.

        It does where the version fails over the limit and others do not: what fails everywhere
        is no fault of a version.
        """
        failures = self._failures.setdefault(version, deque(maxlen=self._settings.window))
        failures.append(failed)
        if not failed or version in self.out or len(failures) < self._settings.window:
            return False
        share = sum(failures) / len(failures)
        others = [
            sum(other) / len(other)
            for name, other in self._failures.items()
            if name != version and name not in self.out
        ]
        if share <= self._settings.errors or not others or max(others) > self._settings.errors:
            return False
        self.out[version] = share
        return True

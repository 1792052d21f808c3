"""Writes the EMF records of one endpoint to standard output, which CloudWatch reads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from lambda_serving.settings.endpoint import MetricSettings
from lambda_serving.telemetry import logs

logger = logging.getLogger("lambda_serving")


class RecordWriter:
    """What the records of one endpoint have in common: settings, output, and one-time values.

    The cold start and the load of a version are reported once, by the next record.
    """

    def __init__(
        self,
        namespace: str,
        endpoint: str,
        settings: MetricSettings,
        write: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        """``write`` takes each record; defaults to a line of standard output."""
        self.namespace = namespace
        self.endpoint = endpoint
        self.settings = settings
        self.weight = 1 / settings.log_frequency if settings.log_frequency else 0.0
        """How many requests one record stands for; 0 if no request is sampled."""
        self._write = write
        self._is_cold = True
        self._loads: dict[str, float] = {}
        self._warned: set[str] = set()

    def write(self, record: Mapping[str, Any]) -> None:
        if self._write is not None:
            self._write(record)
        else:
            logs.write_line(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

    def record_load(self, version: str, milliseconds: float) -> None:
        """Keep the load time of a version for its next record."""
        self._loads[version] = milliseconds

    def take_load(self, version: str) -> float | None:
        """Milliseconds that the version's load took, once."""
        return self._loads.pop(version, None)

    def take_cold_start(self) -> bool:
        """Whether this is the environment's first record, once."""
        is_cold, self._is_cold = self._is_cold, False
        return is_cold

    def warn_once(self, key: str, message: str, *arguments: Any) -> None:
        """Log a warning once per cold start and key."""
        if key not in self._warned:
            self._warned.add(key)
            logger.warning(message, *arguments)

    def report_failure(self, error: BaseException) -> None:
        """Log once per cold start that statistics failed."""
        if "failure" not in self._warned:
            self._warned.add("failure")
            logger.error("statistics failed; the requests do not", exc_info=error)

"""Statistics: CloudWatch EMF records on standard output, through Powertools.

A failure here never fails a request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

logger = logging.getLogger("lambda_serving")

_printing = threading.Lock()
"""Powertools prints a record and its line end apart: those of two threads would mix."""


def count(namespace: str, name: str, dimensions: Mapping[str, str]) -> None:
    """One metric ``name`` of 1."""
    try:
        from aws_lambda_powertools.metrics import MetricUnit, single_metric

        with (
            _printing,
            single_metric(
                name=name,
                unit=MetricUnit.Count,
                value=1,
                namespace=namespace,
                default_dimensions=dict(dimensions),
            ),
        ):
            pass
    except Exception:  # noqa: BLE001  (statistics never fail a request)
        logger.exception("the metric %s could not be written", name)

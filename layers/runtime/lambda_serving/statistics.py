"""Statistics: CloudWatch EMF records on standard output, through Powertools.

A failure here never fails a request.
"""

from __future__ import annotations

import logging
import threading

logger = logging.getLogger("lambda_serving")

_printing = threading.Lock()
"""Powertools prints a record and its line end apart: those of two threads would mix."""


def count_failed_call(namespace: str, endpoint: str, callee: str, cause: str) -> None:
    """One metric ``FailedCalls`` for a ``send_request`` that gave None."""
    try:
        from aws_lambda_powertools.metrics import MetricUnit, single_metric

        with (
            _printing,
            single_metric(
                name="FailedCalls",
                unit=MetricUnit.Count,
                value=1,
                namespace=namespace,
                default_dimensions={"Endpoint": endpoint, "Callee": callee, "Cause": cause},
            ),
        ):
            pass
    except Exception:  # noqa: BLE001  (statistics never fail a request)
        logger.exception("the metric of a failed call could not be written")

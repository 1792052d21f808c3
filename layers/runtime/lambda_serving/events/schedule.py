"""The event source of scheduled warm-ups (EventBridge): they keep an environment alive.

No model runs.
"""

from __future__ import annotations

from typing import Any

from lambda_serving.environment.environment import Environment
from lambda_serving.errors import SettingsError
from lambda_serving.messages.request_metrics import NO_VERSION


def infer(event: Any) -> bool:
    """``Scheduled Event`` of ``aws.events``, ``aws.scheduler`` (Amazon EventBridge user guide)."""
    return (
        isinstance(event, dict)
        and event.get("source") in ("aws.events", "aws.scheduler")
        and event.get("detail-type") == "Scheduled Event"
    )


def answer_event(event: Any, context: Any, environment: Environment) -> dict[str, str]:
    """Record the warm-up. The cold start has loaded the endpoint already."""
    try:
        version = environment.versions.rollout.default or NO_VERSION
    except SettingsError:  # the cold start has logged it
        version = NO_VERSION
    environment.telemetry.statistics.record_apart(context.aws_request_id, version)
    return {"status": "warm"}

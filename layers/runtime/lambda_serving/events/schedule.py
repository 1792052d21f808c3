"""A scheduled warm-up (EventBridge rule or Scheduler): keeps an environment, runs no model."""

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
    """The cold start has done the work already."""
    try:
        version = environment.rollout.default or NO_VERSION
    except SettingsError:  # the cold start has told it
        version = NO_VERSION
    environment.statistics.record_start(context.aws_request_id, version)
    return {"status": "warm"}

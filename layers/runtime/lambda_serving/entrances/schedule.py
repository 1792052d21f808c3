"""A scheduled warm-up (EventBridge rule or Scheduler): keeps an environment, runs no model."""

from __future__ import annotations

from typing import Any

from lambda_serving.environment import Environment


def infer(event: Any) -> bool:
    """``Scheduled Event`` of ``aws.events``, ``aws.scheduler`` (Amazon EventBridge user guide)."""
    return (
        isinstance(event, dict)
        and event.get("source") in ("aws.events", "aws.scheduler")
        and event.get("detail-type") == "Scheduled Event"
    )


def answer_event(event: Any, context: Any, environment: Environment) -> dict[str, str]:
    """The cold start has done the work already."""
    return {"status": "warm"}

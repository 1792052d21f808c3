"""The event sources: modules of two functions. The first that recognises an event answers it.

``infer`` tells whether an event is of the source. ``answer_event`` serves it, and returns the
Lambda's answer.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from lambda_serving.events import http, invoke, schedule

EVENT_SOURCES: tuple[ModuleType, ...] = (http, schedule)
"""In the order in which they are asked."""


def find_event_source(event: Any) -> ModuleType:
    """The source of an event: a direct invoke where no other recognises it."""
    return next((source for source in EVENT_SOURCES if source.infer(event)), invoke)

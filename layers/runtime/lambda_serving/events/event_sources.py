"""The event sources. The first that recognises an event answers it."""

from __future__ import annotations

from typing import Any, Protocol, cast

from lambda_serving.environment.environment import Environment
from lambda_serving.events import http, invoke, schedule


class EventSource(Protocol):
    """A module with these two functions."""

    def infer(self, event: Any) -> bool:
        """Whether the event is of this source."""

    def answer_event(self, event: Any, context: Any, environment: Environment) -> Any:
        """Serve the event. The return value is the Lambda's answer."""


EVENT_SOURCES = cast(tuple[EventSource, ...], (http, schedule, invoke))
"""In the order in which they are asked. ``invoke`` takes every event that is left."""


def prepare(environment: Environment) -> None:
    """Import the modules that the first HTTP event needs."""
    http.make_adapter(environment)


def find_event_source(event: Any) -> EventSource:
    """The source of an event."""
    for source in EVENT_SOURCES[:-1]:
        if source.infer(event):
            return source
    return EVENT_SOURCES[-1]

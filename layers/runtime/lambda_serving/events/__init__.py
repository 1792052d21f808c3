"""Event sources: each recognises its event and answers it; the first that does, serves."""

from __future__ import annotations

from typing import Any, Protocol, cast

from lambda_serving.environment.environment import Environment
from lambda_serving.events import http, invoke, schedule


class Entrance(Protocol):
    """A module with these two functions."""

    def infer(self, event: Any) -> bool:
        """Whether the event is of this source."""

    def answer_event(self, event: Any, context: Any, environment: Environment) -> Any:
        """Serve it; what it returns is the Lambda's answer."""


ENTRANCES = cast(tuple[Entrance, ...], (http, schedule, invoke))
"""In the order they are asked; ``invoke`` takes whatever is left."""


def prepare(environment: Environment) -> None:
    """Import what the first event would else wait for."""
    http.make_adapter(environment)


def find_entrance(event: Any) -> Entrance:
    """The entrance of an event."""
    return next(entrance for entrance in ENTRANCES if entrance.infer(event))

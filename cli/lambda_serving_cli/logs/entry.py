"""What a log is shown as: entries, each a line with what belongs below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lambda_serving_cli.statistics.records import LogEvent

REQUEST, COLD, PRINT = "request", "cold", "print"
"""Levels beside those of Python's logging: a request, a part of a cold start, text that the code
or a library has printed."""

ERROR, WARNING = "ERROR", "WARNING"


class Line(NamedTuple):
    """What a log event tells."""

    level: str
    text: str
    is_error: bool = False
    details: str = ""
    """A traceback, or the stacks of threads."""
    is_rest: bool = False
    """Whether it goes on the line before it: further lines of a printed traceback."""

    @property
    def is_silent(self) -> bool:
        """Whether the event tells a person nothing, such as the start of an invocation."""
        return not self.level


SILENT = Line("", "")


@dataclass(frozen=True)
class Entry:
    """A line of an endpoint's log, when it was written, and the event that it is of."""

    time: float
    """Milliseconds since 1970: the line's own where it has one, else CloudWatch's."""
    endpoint: str
    line: Line
    event: LogEvent

"""Entries as a person reads them, or as objects of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime

from lambda_serving_cli.logs.entry import COLD, REQUEST, WARNING, Entry
from lambda_serving_cli.logs.reader import parse_object
from lambda_serving_cli.terminal.controls import escape_json
from lambda_serving_cli.terminal.output import NARROWEST, make_console, print_wrapped, write_line

INDENT = "    "
LONGEST_NAME = 24
"""Columns that endpoints' names have; a longer one goes beyond."""

STYLES = {REQUEST: "green", COLD: "cyan", WARNING: "yellow"}


class Printer:
    """Writes entries to standard output, one after the other."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        """With several endpoints each line names its own."""
        self._console = make_console(sys.stdout)
        self._is_terminal = sys.stdout.isatty()
        widest = max(map(len, endpoints), default=0)
        self._widest = min(widest, LONGEST_NAME) if len(endpoints) > 1 else 0
        self._day = datetime.now().astimezone().date()

    def show(self, entry: Entry) -> None:
        """A line, then what belongs below it, indented. A pipe has whole lines and no colours."""
        line = entry.line
        first, *more = line.text.split("\n")
        below = [f"{INDENT}{text}" for text in (*more, *line.details.split("\n")) if text.strip()]
        if line.is_rest:
            below.insert(0, f"{INDENT}{first}")
        head = self._describe(entry)
        if not self._is_terminal:
            if not line.is_rest:
                write_line(f"{head}{first}")
            for each in below:
                write_line(each)
            return
        style = "red" if line.is_error else STYLES.get(line.level, "")
        if not line.is_rest:
            if len(head) > self._console.width - NARROWEST:  # of a long name
                self._console.print(head.rstrip(), style=style)
                head = INDENT
            print_wrapped(self._console, first, head, style)
        for each in below:
            self._console.print(each, style="red" if line.is_error else "", soft_wrap=True)

    def _describe(self, entry: Entry) -> str:
        """Time, endpoint and level. A day that is not today's is told by a line of its own."""
        when = datetime.fromtimestamp(entry.time / 1000, UTC).astimezone()
        if self._is_terminal:
            self._tell_day(when.date())
        clock = f"{when:%H:%M:%S}.{when.microsecond // 1000:03}"
        if not self._is_terminal:
            clock = when.isoformat(timespec="milliseconds")
        endpoint = f"{entry.endpoint:<{self._widest}} " if self._widest else ""
        return f"{clock} {endpoint}{entry.line.level:<7} "

    def _tell_day(self, day: date) -> None:
        if day != self._day:
            self._day = day
            self._console.print(f"{day:%A, %Y-%m-%d}", style="bold")


def write_raw(entry: Entry) -> None:
    """The event of an entry as one JSON object on a line."""
    event = entry.event
    told = {
        "time": datetime.fromtimestamp(entry.time / 1000, UTC).isoformat(timespec="milliseconds"),
        "endpoint": entry.endpoint,
        "stream": event.stream,
        "message": parse_object(event.message) or event.message,
    }
    write_line(escape_json(json.dumps(told, ensure_ascii=False)))

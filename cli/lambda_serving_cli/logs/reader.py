"""Log events of one endpoint become entries: requests, cold starts, lines of code, failures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambda_serving_cli.files.content import parse_json
from lambda_serving_cli.logs.entry import ERROR, PRINT, SILENT, Entry, Line
from lambda_serving_cli.logs.lines import describe_line, describe_record, is_own_error
from lambda_serving_cli.logs.platform import (
    describe_platform,
    describe_report,
    describe_text,
    is_platform_object,
    is_platform_text,
    read_report,
)
from lambda_serving_cli.statistics.records import LogEvent, find_record

BLOCK = re.compile(
    r"\s*Traceback \(most recent call last\)|The above exception was|During handling of the above"
    r"|Fatal Python error|Timeout \(\d+:\d\d|(Current thread|Thread) 0x"
)
"""First line of a traceback that is printed: by Python or, of a process that hangs or crashes, by
its faulthandler."""

CRASH = re.compile(
    r"Task timed out after|Runtime\.ExitError|Runtime exited|signal: (killed|segmentation)"
)
"""In lines of text that Lambda writes of an environment that ends."""

CLIENT = re.compile(r"\[(ERROR|CRITICAL)\] \S+: (\{[^\r\n]*\})")
"""Of Lambda's runtime client where the log format is text: an error whose message is an object."""

LONGEST = 900_000
"""Milliseconds of an invocation: the local cloud gives all its lines the time at which it ended."""

RAISED = re.compile(r"[\w.]+: (\{.*\})$")
"""The last line of a traceback that the local cloud prints of an error that a function raised."""


@dataclass
class Stream:
    """What is known of the invocation that writes to a log stream now."""

    time: float = 0.0
    """Of the latest line with a time of its own."""
    is_recorded: bool = False
    """Whether the request's record has come."""
    is_block: bool = False
    """Whether a traceback is being printed."""
    waiting: list[tuple[LogEvent, Line]] = field(default_factory=list)
    """What came before any line with a time of its own; a printed traceback that goes on."""

    def silence_block(self) -> None:
        """Show nothing of the traceback that ends what waits: it is of an error told already."""
        begin = len(self.waiting) - 1
        while begin and self.waiting[begin][1].is_rest:
            begin -= 1
        self.waiting[begin:] = [(event, SILENT) for event, _ in self.waiting[begin:]]


class LogReader:
    """Reads the events of one endpoint, in the order of each stream."""

    def __init__(self, endpoint: str, is_local: bool) -> None:
        """The local cloud gives all lines of an invocation the time at which it ended."""
        self._endpoint = endpoint
        self._is_local = is_local
        self._streams: dict[str, Stream] = {}

    def read(self, event: LogEvent) -> Iterator[Entry]:
        """The entries of an event: none of an empty line, several of a cold start."""
        message = event.message.strip("\r\n")
        if not message.strip():
            return
        stream = self._streams.setdefault(event.stream, Stream())
        found = parse_object(message)
        own_time = find_time(found, event.timestamp)
        if own_time is not None:
            stream.time = own_time
        report = read_report(message, found)
        was_block = stream.is_block
        if report is not None:
            del self._streams[event.stream]
            lines = list(describe_report(report, stream.is_recorded))
        else:
            lines = list(self._read(message, found, stream))
        stream.waiting += [(event, line) for line in lines or [SILENT]]
        if report is None and stream.is_block:  # until its last line says what it is of
            return
        if was_block and (error := RAISED.match(message)) and is_own_error(error[1]):
            stream.silence_block()
        if self._is_local and not stream.time and report is None:
            return
        for of, line in stream.waiting:
            own = stream.time if self._is_local else own_time if of is event else None
            yield Entry(own or float(of.timestamp), self._endpoint, line, of)
        stream.waiting = []

    def finish(self) -> Iterator[Entry]:
        """What still waits for a line that has not come."""
        for stream in self._streams.values():
            for of, line in stream.waiting:
                yield Entry(stream.time or float(of.timestamp), self._endpoint, line, of)
            stream.waiting = []

    def _read(
        self, message: str, found: Mapping[str, Any] | None, stream: Stream
    ) -> Iterator[Line]:
        if found is None:
            yield from self._read_text(message, stream)
            return
        stream.is_block = False
        if is_platform_object(found):
            yield from describe_platform(found)
        elif (record := find_record(message)) is not None:
            stream.is_recorded |= "request_id" in record
            yield from describe_record(record)
        elif "message" in found or "errorType" in found:
            yield from describe_line(found)
        else:
            yield Line(PRINT, message)

    def _read_text(self, message: str, stream: Stream) -> Iterator[Line]:
        if is_platform_text(message):
            stream.is_block = False
            yield from describe_text(message)
            return
        begins = BLOCK.match(message) is not None
        if not begins and (client := CLIENT.match(message)) and is_own_error(client[2]):
            return
        is_rest = stream.is_block or (not begins and message[0].isspace())
        is_rest = is_rest and not message.startswith("Traceback")
        is_error = begins or stream.is_block or bool(CRASH.search(message))
        if begins or not message[0].isspace():  # its last line is the error
            stream.is_block = begins
        level = ERROR if is_error and not is_rest else PRINT
        yield Line(level, message.replace("\r", "\n").replace("\xa0", " "), is_error, "", is_rest)


def parse_object(message: str) -> dict[str, Any] | None:
    """The JSON object that a line is."""
    found = parse_json(message) if message.startswith("{") else None
    return found if isinstance(found, dict) else None


def find_time(found: Mapping[str, Any] | None, event_time: int) -> float | None:
    """A line's own time, in milliseconds: of logging, of Lambda, of an EMF record.

    One that is far from the event's is no such time.
    """
    time = None if found is None else _read_time(found)
    is_near = time is not None and abs(time - event_time) <= LONGEST
    return float(time) if time is not None and is_near else None


def _read_time(found: Mapping[str, Any]) -> float | None:
    head = found.get("_aws")
    if isinstance(head, dict):
        stamp = head.get("Timestamp")
        return stamp if isinstance(stamp, int | float) else None
    for key in ("timestamp", "time"):
        text = found.get(key)
        if isinstance(text, str) and "." in text:  # whole seconds say less than CloudWatch
            try:
                time = datetime.fromisoformat(text)
            except ValueError:
                continue
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000
    return None

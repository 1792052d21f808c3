"""The logs of several endpoints in one order: what was written so far, and what comes."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush, merge
from itertools import chain, count, groupby

from lambda_serving_cli.aws.logs import NoLogGroupError, StackLogs
from lambda_serving_cli.logs.entry import Entry
from lambda_serving_cli.logs.reader import LONGEST, LogReader, parse_object
from lambda_serving_cli.statistics.records import LogEvent

THREADS = 8

WINDOW = 5_000
"""Milliseconds by which a line may be older than its event."""

OVERLAP = 10_000
"""Milliseconds before the latest event from which on one that follows a log asks again: CloudWatch
takes events in late, and not in order."""

MOST_CALLS = 5
"""A second, of all log groups together; FilterLogEvents has a quota of the account."""

PLAIN_ID = re.compile(r"[\w.=:/+-]+", re.ASCII)
"""A request id that a filter pattern can hold in quotes, for AWS and the local cloud alike."""

Key = tuple[str, int, str]


@dataclass(frozen=True)
class Filter:
    """Which lines are wanted."""

    request_id: str = ""
    errors: bool = False
    raw: bool = False
    """Whether each event is wanted as it is, once."""

    @property
    def pattern(self) -> str:
        """What CloudWatch looks for; "" where that is done here."""
        return f'"{self.request_id}"' if PLAIN_ID.fullmatch(self.request_id) else ""

    def takes(self, event: LogEvent) -> bool:
        """Whether an event names the request, and not one whose id has this within it."""
        return not self.request_id or self._word.search(event.message) is not None

    @cached_property
    def _word(self) -> re.Pattern[str]:
        forms = {self.request_id, json.dumps(self.request_id)[1:-1]}
        return re.compile(rf"(?<![\w=-])(?:{'|'.join(map(re.escape, forms))})(?![\w=-])")

    def wants(self, entry: Entry) -> bool:
        """Whether an entry is to be shown."""
        return entry.line.is_error or not (self.errors or (entry.line.is_silent and not self.raw))


class Source:
    """The log of one endpoint; each event is read once."""

    def __init__(
        self, logs: StackLogs, endpoint: str, start: int, wanted: Filter, is_optional: bool
    ) -> None:
        """From `start` on, in milliseconds. An optional one may have no log group yet."""
        self.is_local = logs.is_local
        self._logs = logs
        self._endpoint = endpoint
        self._start = start
        self._filter = wanted
        self._is_optional = is_optional
        self._reader = LogReader(endpoint, logs.is_local)
        self._token = ""
        self._newest = start
        self._seen: dict[Key, int] = {}
        """Events of the latest seconds -> their time."""

    def list_history(self, end: int) -> Iterator[Entry]:
        """The entries up to a time.

        Raises:
            NoLogGroupError: there is no log group, and one is needed.
        """
        try:
            for events in self._list_pages(end):
                yield from self._read(events)
            yield from filter(self._filter.wants, self._reader.finish())
        except NoLogGroupError:  # Lambda makes one at the first invoke
            if not self._is_optional:
                raise
        self._start = max(self._start, end - OVERLAP)

    def _list_pages(self, end: int) -> Iterator[Sequence[LogEvent]]:
        pattern, wanted = self._filter.pattern, self._filter.request_id
        pages = self._logs.list_pages(self._endpoint, self._start, end, pattern)
        if not wanted:
            yield from pages
            return
        events = [event for page in pages for event in page if self._filter.takes(event)]
        # Lines of Lambda itself have its own id alone.
        for other in dict.fromkeys(filter(None, map(find_lambda_id, events))):
            if other != wanted:
                pages = self._logs.list_pages(self._endpoint, self._start, end, f'"{other}"')
                events += [each for page in pages for each in page if not self._filter.takes(each)]
        yield sorted(events, key=lambda event: event.timestamp)

    def poll(self) -> list[Entry]:
        """What is new, by one call."""
        try:
            events, self._token = self._logs.read_page(
                self._endpoint, self._start, None, self._filter.pattern, self._token
            )
        except NoLogGroupError:
            return []
        found = list(self._read([event for event in events if self._filter.takes(event)]))
        if self._logs.is_cut(events):
            self._start = max(self._start, events[-1].timestamp)
        elif not self._token:
            self._start = max(self._start, self._newest - OVERLAP)
        return found

    def _read(self, events: Sequence[LogEvent]) -> Iterator[Entry]:
        numbers: Counter[tuple[str, int]] = Counter()
        for event in events:
            numbers[event.stream, event.timestamp] += 1
            key = (event.stream, event.timestamp, event.id or str(numbers[event[0], event[2]]))
            if key not in self._seen:
                self._seen[key] = event.timestamp
                self._newest = max(self._newest, event.timestamp)
                entries = list(filter(self._filter.wants, self._reader.read(event)))
                yield from entries if not self._filter.raw else take_events(entries)
        late = self._newest - OVERLAP
        self._seen = {key: time for key, time in self._seen.items() if time >= late}


def take_events(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The first entry of each event."""
    return (next(of_one) for _, of_one in groupby(entries, key=lambda entry: id(entry.event)))


def find_lambda_id(event: LogEvent) -> str:
    """Lambda's own id of the invocation that wrote a line, where the line tells it."""
    found = parse_object(event.message)
    told = found.get("function_request_id") if found else None
    return told if isinstance(told, str) and PLAIN_ID.fullmatch(told) else ""


def read_history(sources: Sequence[Source], end: int) -> Iterator[Entry]:
    """The entries of all sources up to a time, in milliseconds, ordered by their times."""
    logs = [source.list_history(end) for source in sources]
    with ThreadPoolExecutor(THREADS) as pool:  # the first pages at once
        firsts = list(pool.map(lambda entries: next(entries, None), logs))
    rest = [
        chain([first], entries)
        for first, entries in zip(firsts, logs, strict=True)
        if first is not None
    ]
    window = LONGEST if any(source.is_local for source in sources) else WINDOW
    return order(merge(*rest, key=lambda entry: entry.event.timestamp), window)


def order(entries: Iterable[Entry], window: int) -> Iterator[Entry]:
    """Entries in the order of their events, put in that of their own times."""
    waiting: list[tuple[float, str, str, int, Entry]] = []
    numbers = count()
    for entry in entries:
        place = (entry.time, entry.endpoint, entry.event.stream, next(numbers))
        heappush(waiting, (*place, entry))
        while waiting and waiting[0][0] < entry.event.timestamp - window:
            yield heappop(waiting)[-1]
    while waiting:
        yield heappop(waiting)[-1]


def follow(
    sources: Sequence[Source], sleep: Callable[[float], object] = time.sleep
) -> Iterator[Entry]:
    """What is written from now on, without end: each log group is asked once a second at most."""
    pause = max(1.0, len(sources) / MOST_CALLS)
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            began = time.monotonic()
            yield from order(chain.from_iterable(pool.map(Source.poll, sources)), LONGEST)
            sleep(max(0.0, pause - (time.monotonic() - began)))

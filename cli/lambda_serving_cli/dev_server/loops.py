"""Event loops, lent to one request at a time, and one that runs in a thread of its own."""

import asyncio
import itertools
import logging
import threading
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger("lambda_serving")

MOST_IDLE = 16
"""Loops that an endpoint keeps for later requests; each holds three files open."""

NumberedLoop = tuple[int, asyncio.AbstractEventLoop]


class Loops:
    """The event loops of one endpoint, numbered by age."""

    def __init__(self) -> None:
        self._idle: list[NumberedLoop] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._is_closed = False

    @contextmanager
    def lend(self) -> Iterator[asyncio.AbstractEventLoop]:
        """One request's event loop, which runs in its thread alone."""
        taken = self._take()
        try:
            yield taken[1]
        finally:
            self._give_back(taken)

    def close(self) -> None:
        """Close those that nobody has, and the others when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for _, each in idle:
            each.close()

    def _take(self) -> NumberedLoop:
        """The oldest idle one, so that requests one after the other have the same; or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop(0)
            number = next(self._numbers)
        return number, asyncio.new_event_loop()

    def _give_back(self, loop: NumberedLoop) -> None:
        if loop[1].is_closed() or loop[1].is_running():  # user code has taken it over
            return
        with self._lock:
            insort(self._idle, loop)
            most = 0 if self._is_closed else MOST_IDLE
            surplus = self._idle[most:]
            del self._idle[most:]
        for _, each in surplus:
            each.close()


def run_until_stopped(loop: asyncio.AbstractEventLoop) -> bool:
    """Run a loop; False where a task of user code's ended it, and it is to go on."""
    try:
        loop.run_forever()
    except (SystemExit, KeyboardInterrupt):  # no SIGINT, which is the main thread's
        logger.exception("a task of user code's failed")
        return False
    return True


def start_loop(prepare: Callable[[], None]) -> asyncio.AbstractEventLoop:
    """A new event loop, running in a thread, which is prepared so, until it is stopped."""
    loop = asyncio.new_event_loop()

    def run() -> None:
        prepare()
        try:
            while not run_until_stopped(loop):
                pass
        finally:
            loop.close()

    threading.Thread(target=run, daemon=True).start()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()  # it runs by now
    return loop

"""What the server and its workers tell each other: questions and notes over a pair of sockets.

A message is its length and then a tuple of plain values, by ``marshal``: both ends are the same
Python on the same machine. It may be written from any thread.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import marshal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

logger = logging.getLogger("lambda_serving")

LENGTH = 8
"""Bytes that tell the length of a message."""

NOTE, ASK, ANSWER, FAILURE = range(4)


class LinkLostError(Exception):
    """The other end is gone, or went before it answered."""


class Link:
    """One end. ``answer`` gets what the other end asks, or notes: a kind and its arguments."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[..., Awaitable[Any]],
        note: Callable[..., None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._note = note
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_lost = False

    async def ask(self, kind: str, *arguments: Any) -> Any:
        """What the other end answers. It may take as long as it likes.

        Raises:
            LinkLostError: the other end is gone.
        """
        if self._is_lost:
            raise LinkLostError
        number = next(self._numbers)
        self._waiting[number] = self._loop.create_future()
        self._write((ASK, number, kind, arguments))
        try:
            return await self._waiting[number]
        finally:
            self._waiting.pop(number, None)

    def ask_from_thread(self, kind: str, *arguments: Any) -> Any:
        """The same, as a future for a thread that is not the loop's."""
        return asyncio.run_coroutine_threadsafe(self.ask(kind, *arguments), self._loop)

    def tell(self, kind: str, *arguments: Any) -> None:
        """A note, which is not answered. Notes and answers arrive in their order."""
        message = (NOTE, 0, kind, arguments)
        try:
            is_own = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_own = False
        if is_own:
            self._write(message)
        else:
            self._loop.call_soon_threadsafe(self._write, message)

    def _write(self, message: tuple[Any, ...]) -> None:
        data = marshal.dumps(message)
        if not self._is_lost:
            self._writer.write(len(data).to_bytes(LENGTH) + data)

    async def run(self) -> None:
        """Read until the other end is gone."""
        try:
            while True:
                length = int.from_bytes(await self._reader.readexactly(LENGTH))
                self._read(*marshal.loads(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.lose()

    def lose(self) -> None:
        """Nothing comes or goes any more: who waits is told."""
        self._is_lost = True
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LinkLostError())

    def _read(self, what: int, number: int, content: Any, arguments: tuple[Any, ...]) -> None:
        if what == NOTE:
            self._note(content, *arguments)
        elif what == ASK:
            # It begins before the next message is read, which may be about it.
            task = begin(self._reply(number, content, arguments))
            if not task.done():
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        else:
            waiting = self._waiting.get(number)
            if waiting is not None and not waiting.done():
                if what == ANSWER:
                    waiting.set_result(content)
                else:
                    waiting.set_exception(LinkLostError(content))

    async def _reply(self, number: int, kind: str, arguments: tuple[Any, ...]) -> None:
        try:
            self._write((ANSWER, number, await self._answer(kind, *arguments), ()))
        except Exception as error:
            logger.exception("%s cannot be answered", kind)
            self._write((FAILURE, number, f"{type(error).__name__}: {error}", ()))


def begin[T](work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine, its first part now."""
    return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)

"""Awaits what user code returns, on the environment's one event loop.

The loop runs only meanwhile. It is the same for all requests, so that clients and locks made in one
request work in the next (docs/decisions/0004-one-pipeline.md). asyncio is imported when something
is awaited for the first time: the import takes about 45 ms, half as long as NumPy's.
"""

from __future__ import annotations

import inspect
import sys
from contextvars import Context, ContextVar
from types import GeneratorType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine
    from types import ModuleType


_loop: AbstractEventLoop | None = None
_own: ContextVar[OwnLoops | None] = ContextVar("own", default=None)


class OwnLoops(NamedTuple):
    """Loops of one environment of several: the one that awaits, and the one of the thread."""

    find: Callable[[], AbstractEventLoop]
    of_thread: AbstractEventLoop


def get_event_loop() -> AbstractEventLoop:
    """The environment's one event loop."""
    global _loop
    own = _own.get()
    if own is not None:
        return own.find()
    if _loop is None or _loop.is_closed():
        import asyncio

        _loop = _find_current(asyncio) or asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop


def show_event_loop() -> None:
    """Let ``asyncio.get_event_loop()`` in a ``def`` return the loop that runs ``async`` methods.

    ``asyncio.run`` leaves its thread without a loop. A loop that user code has set stays. If
    asyncio is not imported, there is nothing to do.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        own = _own.get()
        loop = get_event_loop() if own is None else own.of_thread
        if _find_current(asyncio) is None:
            asyncio.set_event_loop(loop)


def _find_current(asyncio: ModuleType) -> AbstractEventLoop | None:
    """The event loop of this thread, if there is one that is not closed."""
    try:
        loop = _get_current(asyncio)
    except RuntimeError:
        return None
    return None if loop.is_closed() else loop


def _get_current(asyncio: ModuleType) -> AbstractEventLoop:
    if _loop is not None:
        return asyncio.get_event_loop()  # type: ignore[no-any-return]
    import warnings

    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return asyncio.get_event_loop()  # type: ignore[no-any-return]  # or a new one


def use_event_loop(find: Callable[[], AbstractEventLoop], of_thread: AbstractEventLoop) -> None:
    """In this context, use the event loop that ``find`` returns.

    For a process of several environments. ``find`` is called when something is awaited.
    ``of_thread`` is the loop that a ``def`` finds.
    """
    _own.set(OwnLoops(find, of_thread))


def is_awaitable(value: Any) -> bool:
    """As ``inspect.isawaitable``, which asks an abstract class: a third of its time."""
    return hasattr(type(value), "__await__") or (
        isinstance(value, GeneratorType) and inspect.isawaitable(value)
    )


def run(value: Any, context: Context | None = None) -> Any:
    """Return the value; if it is awaitable, await it on the environment's event loop.

    It is awaited in ``context``, which defaults to a copy of the current one. Must not be called
    from the loop, which would wait for itself.
    """
    if not is_awaitable(value):
        return value

    async def wait() -> tuple[Any, BaseException | None]:
        try:
            return await value, None
        except (SystemExit, KeyboardInterrupt) as error:
            return None, error  # asyncio would let it end the loop, others' requests with it

    loop = get_event_loop()
    if not loop.is_running():
        task = loop.create_task(wait(), context=context)
        try:
            result, error = loop.run_until_complete(task)
        except BaseException:  # its time is over: the loop goes on with the next request
            task.cancel()
            raise
    else:
        import asyncio

        async def lend() -> tuple[Any, BaseException | None]:
            return await loop.create_task(wait(), context=context)

        result, error = asyncio.run_coroutine_threadsafe(lend(), loop).result()
    if error is not None:
        raise error
    return result


async def resolve(value: Any) -> Any:
    """Return the value; if it is awaitable, await it on the running loop or the environment's."""
    if not is_awaitable(value):
        return value
    return await value if _is_looping() else run(value)


def _is_looping() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def is_ended_from_outside(error: BaseException) -> bool:
    """Whether the running coroutine is closed or its task cancelled from outside.

    If no loop runs, everything that ``resolve`` raises comes from user code.
    """
    if isinstance(error, Exception) or not _is_looping():
        return False
    import asyncio

    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, GeneratorExit)


def run_without_loop[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits itself, since it awaits by ``resolve`` alone.

    Raises:
        RuntimeError: it waited.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("a coroutine waited where only synchronous code was expected")

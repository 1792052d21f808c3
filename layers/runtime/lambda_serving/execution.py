"""Run what user code awaits, on an event loop that runs at no other time.

Importing asyncio costs a cold start about 45 ms, as much as half of numpy. An endpoint whose
class is synchronous never needs it. Where user code awaits, one event loop serves the whole
environment, so that clients and locks made at one request work at the next
(docs/decisions/0004-one-pipeline.md).
"""

from __future__ import annotations

import inspect
import sys
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine


_loop: AbstractEventLoop | None = None
_find_own: ContextVar[Callable[[], AbstractEventLoop] | None] = ContextVar("find_own", default=None)


def get_event_loop() -> AbstractEventLoop:
    """The environment's one event loop."""
    global _loop
    find_own = _find_own.get()
    if find_own is not None:
        return find_own()
    if _loop is None:
        import asyncio

        _loop = asyncio.new_event_loop()
    return _loop


def use_event_loop(find: Callable[[], AbstractEventLoop]) -> None:
    """Make the loop that ``find`` gives the one of the environment whose code this is.

    For a process of several environments: it holds in the current context alone. The loop runs
    in another thread, and is only asked for where something is awaited.
    """
    _find_own.set(find)


def run(value: Any, context: Context | None = None) -> Any:
    """The value itself, or what it gives once awaited on the environment's event loop.

    ``context`` is the one to await it in; None: a copy of the current one. Not to be called from
    the loop, which would wait for itself.
    """
    if not inspect.isawaitable(value):
        return value

    async def wait() -> tuple[Any, BaseException | None]:
        try:
            return await value, None
        except (SystemExit, KeyboardInterrupt) as error:
            return None, error  # asyncio would let it end the loop, others' requests with it

    loop = get_event_loop()
    if not loop.is_running():
        result, error = loop.run_until_complete(loop.create_task(wait(), context=context))
    else:
        import asyncio

        async def lend() -> tuple[Any, BaseException | None]:
            return await loop.create_task(wait(), context=context)

        result, error = asyncio.run_coroutine_threadsafe(lend(), loop).result()
    if error is not None:
        raise error
    return result


async def resolve(value: Any) -> Any:
    """``value``, awaited where it is awaitable: on the running loop, or on the environment's."""
    if not inspect.isawaitable(value):
        return value
    return await value if _is_looping() else run(value)


def _is_looping() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def is_ended_from_outside(error: BaseException) -> bool:
    """Whether the running coroutine is closed, or its task cancelled, by who runs it.

    Where no loop runs, what ``resolve`` raises is always user code's.
    """
    if isinstance(error, Exception) or not _is_looping():
        return False
    import asyncio

    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, GeneratorExit)


def run_without_loop[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits by itself: what it awaits goes through ``resolve``.

    Raises:
        RuntimeError: it waited all the same.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("a coroutine waited where only synchronous code was expected")

"""Event loops: the environment's one, or one that runs elsewhere."""

import asyncio
import threading
from contextvars import copy_context

from lambda_serving.user_code.event_loop import get_event_loop, run, use_event_loop


async def find_thread() -> int:
    await asyncio.sleep(0)
    return threading.get_ident()


def test_a_loop_in_another_thread_runs_what_is_asynchronous() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)

    def use_it() -> int:
        use_event_loop(lambda: loop, loop)
        assert get_event_loop() is loop
        found: int = run(find_thread())
        return found

    try:
        assert copy_context().run(use_it) == thread.ident
        # Another context has the environment's own.
        assert get_event_loop() is not loop
        assert run(find_thread()) == threading.get_ident()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

"""Threads without a pool, and turns."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any


class ThreadEach(Executor):
    """Runs everything at once, each in a thread of its own, in its caller's context."""

    def submit[T](self, function: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it

        def run() -> None:
            try:
                future.set_result(function(*args, **options))
            except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
                future.set_exception(error)

        threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
        return future


THREADS = ThreadEach()


def enter_folder(folder: Path) -> None:
    """Make it this thread's working folder, and that of threads it starts, as on Lambda.

    Linux alone has one for each thread; elsewhere it stays the process's.
    """
    if hasattr(os, "unshare"):
        with suppress(OSError):  # a sandbox may forbid it
            os.unshare(os.CLONE_FS)
            os.chdir(folder)


class Turns:
    """One after the other, but nobody waits for long: who takes longer is left to itself."""

    def __init__(self, longest_wait: float) -> None:
        """``longest_wait`` is in seconds."""
        self._longest_wait = longest_wait
        self._lock = threading.Lock()

    def run[T](self, function: Callable[[], T]) -> T:
        """Run the function when its turn has come."""
        while True:
            lock = self._lock
            if lock.acquire(timeout=self._longest_wait):
                break
            if self._lock is lock:
                self._lock = threading.Lock()  # those who wait take turns among themselves
        try:
            return function()
        finally:
            lock.release()

"""Files that commands edit in place: one command at a time reads, edits and writes them."""

import fcntl
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from lambda_serving_cli.terminal.output import remark

PATIENCE = 2.0
"""Seconds of waiting after which a person is told why."""

POLL = 0.02
"""Seconds between two tries."""

_held: set[Path] = set()


def edit_project(root: Path) -> AbstractContextManager[None]:
    """Hold the project's files from the first read to the last write; others wait meanwhile.

    The same command may hold them twice. The system lets go of them where a process is killed.
    """
    return hold(root / ".local" / "edit.lock")


def edits_project[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """A function of a `Project` that reads, edits and writes its files, all under the lock."""

    @functools.wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> R:
        project: Any = arguments[0]
        with edit_project(project.root):
            return function(*arguments, **options)

    return run


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for whoever holds it; the file itself stays, empty."""
    path = path.resolve()
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        _wait(file)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def _wait(file: Any) -> None:
    patience = time.monotonic() + PATIENCE
    is_told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not is_told and time.monotonic() > patience:
                is_told = True
                remark(f"Another command holds {file.name}: waiting for its end.")
            time.sleep(POLL)

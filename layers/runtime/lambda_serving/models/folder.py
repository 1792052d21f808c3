"""Folders of models on local disk, each locked by its process.

/tmp outlives a process. After a crash, Lambda starts the next process with the files of the last
one. Processes may also share it (Managed Instances). The kernel drops a file lock when its process
ends, so that the lock shows which folders are in use.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger("lambda_serving")

ROOT = "lambda-serving"


class Folder:
    """A new folder under ``scratch``, this process's own until it is removed.

    ``tempfile.mkdtemp`` by hand: importing tempfile costs more than this (it brings random).

    Raises:
        OSError: there is no room, or ``scratch`` cannot be written.
    """

    def __init__(self, scratch: Path) -> None:
        while True:
            self.path = scratch / ROOT / f"{os.getpid()}-{os.urandom(6).hex()}"
            self.path.mkdir(parents=True)
            with suppress(FileNotFoundError):  # removed as a leftover before it was held
                self._lock = _hold(self.path)
                return

    def remove(self) -> None:
        """Remove it with all that is in it."""
        from shutil import rmtree

        rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _hold(folder: Path) -> int:
    """A descriptor that keeps the lock; children that are executed do not inherit it."""
    import fcntl

    lock = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # no locks there: nobody can take it for a leftover, either
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        if os.path.samestat(os.fstat(lock), folder.stat()):
            return lock
        raise FileNotFoundError(folder)
    except FileNotFoundError:
        os.close(lock)
        raise


def remove_leftovers(scratch: Path) -> None:
    """Remove the folders of processes that are gone; costs one look where there are none."""
    try:
        folders = list((scratch / ROOT).iterdir())
    except OSError:  # there is no such folder
        return
    for folder in folders:
        import fcntl
        from shutil import rmtree

        with suppress(OSError):  # held by a process that lives, or no folder
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rmtree(folder)
                told = "removed the model folder of a process that is gone: %s"
                logger.warning(told, folder.name)
            finally:
                os.close(lock)

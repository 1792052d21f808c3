"""Standard output under Lambda's runtime client: each of our lines at a line's start, and whole.

User code and native libraries write to the same pipe: CloudWatch takes what stands
before a record for a part of its line. So our lines have a file descriptor of their own, which
nobody closes or replaces, and begin with a line end where anything else was written since the last
one (docs/decisions/0028-output.md). What ``print`` writes is followed; what else the process
writes is counted by the kernel (proc(5), ``wchar`` of ``/proc/self/io``; children count once they
ended).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_COUNTS = Path("/proc/self/io")


class Output:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._own = os.dup(1)
        self._is_open = False
        """Whether ``print`` has begun a line, and not ended it."""
        self._counts = os.open(_COUNTS, os.O_RDONLY | os.O_CLOEXEC) if _COUNTS.exists() else -1
        """File descriptor of the kernel's counts; -1 where there are none."""
        self._expected = 0
        """Bytes that the process has written, as far as is known."""
        self._expected = self._count_written()
        sys.stdout, sys.stderr = UserStream(sys.stdout, self), UserStream(sys.stderr, self)

    def fileno(self) -> int:
        return self._own

    def write_line(self, line: bytes) -> None:
        """Write one line, its end included; lines of several threads do not mix."""
        with self._lock:
            written = self._count_written()
            if self._is_open or written != self._expected:
                line = b"\n" + line
                self._is_open = False
            self._expected = written + len(line)
            self._write(memoryview(line))

    def follow(self, text: str) -> None:
        """Note what was printed."""
        if text:
            self._expected += len(text) if text.isascii() else len(text.encode(errors="replace"))
            self._is_open = not text.endswith("\n")

    def _count_written(self) -> int:
        """Bytes that the process has written; never twice the same where nobody counts them."""
        try:
            # Begins with "rchar: 2012\nwchar: 1732\n".
            return int(os.pread(self._counts, 64, 0).split(None, 4)[3])
        except OSError:  # there are none, or they are those of a parent that is gone
            return self._expected + 1

    def _write(self, rest: memoryview) -> None:
        while rest:
            try:
                rest = rest[os.write(self._own, rest) :]
            except BlockingIOError:  # user code shares the pipe, and may have changed its mode
                from select import select

                select([], [self._own], [])


class UserStream:
    """``sys.stdout`` or ``sys.stderr`` for user code: its own, and followed.

    It is never closed: the runtime client writes to it, too.
    """

    def __init__(self, stream: Any, output: Output) -> None:
        self._stream = stream
        self._output = output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> UserStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.flush()

    def write(self, text: str) -> int:
        self._stream.write(text)
        self._output.follow(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def close(self) -> None:
        self.flush()

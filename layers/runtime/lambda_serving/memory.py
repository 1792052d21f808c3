"""The memory that the process uses, and giving memory back to the system."""

from __future__ import annotations

import gc
import os
from pathlib import Path


def read_resident_memory() -> int:
    """Bytes that this process holds in memory (proc(5): the second number of statm, in pages)."""
    statm = Path("/proc/self/statm")
    if not statm.exists():  # a developer's Mac: there, every version is kept
        return 0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def release_memory() -> None:
    """Return to the system what was let go: else what comes next seems to cost nothing.

    glibc keeps freed blocks below its threshold for later, and shrinks the heap at its end alone
    (malloc_trim(3)).
    """
    gc.collect()
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc
        trim(0)

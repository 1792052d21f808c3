"""Which version's modules the plain module names lead to.

Pickles and ``importlib.import_module`` find modules by their plain names in ``sys.modules``. While
a version is loaded or serves a request, it is the active one: plain names lead to its modules
(docs/decisions/0007-versions-side-by-side.md). ``sys.modules`` belongs to the process, and so does
the state in here.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambda_serving.user_code.isolation import IsolatedFolder as Folder

SWITCH = threading.RLock()
"""Held while plain names change. It is reentrant, since the garbage collector may run code that
imports meanwhile."""

_active: Folder | None = None
_loads = 0
"""Number of versions that are being loaded."""


def is_active(folder: Folder) -> bool:
    """Whether plain names lead to the modules of ``folder``."""
    return _active is folder


def activate(folder: Folder | None) -> None:
    """Let plain names lead to the modules of ``folder``; None: to the process's own modules.

    While another thread loads a version, nothing changes: the pickle of its model needs the names.
    """
    if folder is not _active:
        with SWITCH:
            if not _loads:
                lead_to(folder)


def lead_to(folder: Folder | None) -> None:
    """Let plain names lead to the modules of ``folder``. The caller holds SWITCH."""
    global _active
    if _active is not None:
        _active.hide()
    _active = folder
    if folder is not None:
        folder.show()


@contextmanager
def show_plain_names(folder: Folder | None) -> Iterator[None]:
    """The same while a version is loaded."""
    global _loads
    finders: list[Any] = sys.meta_path
    with SWITCH:
        before = _active
        _loads += 1
        lead_to(folder)
    try:
        yield
    finally:
        with SWITCH:
            _loads -= 1
            lead_to(before if before in finders else None)  # it may be unloaded by now

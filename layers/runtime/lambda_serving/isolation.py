"""Code of one version in a folder of its own: its modules never mix with another version's.

Two versions may each bring a ``preprocess.py`` and a ``features.py``. Python knows a module by
its name alone, so the second version would get the first one's. Here the modules of a version
live under a package of their own (``version_2.features``), and the code in them has an
``__import__`` that looks there first: at import, and just as well at an import in a method
that runs requests later, whatever runs beside it.

Pickles and ``importlib.import_module`` know plain names alone. While a version is loaded or
serves, it is the active one: the plain names lead to its modules
(docs/decisions/0007-versions-side-by-side.md).
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Buffer, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

ENDINGS = (".py", *EXTENSION_SUFFIXES)
"""Of the files that hold modules."""


class IsolatedLoader(SourceFileLoader):
    """Runs a module with the version's own ``__import__``."""

    def __init__(self, name: str, path: str, own_builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._own_builtins = own_builtins

    def set_data(self, path: str, data: Buffer, *, _mode: int = 0o666) -> None:
        """Write no bytecode: it would hide a change that is saved within the same second."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._own_builtins
        super().exec_module(module)


class AliasLoader:
    """Gives a version's module under its plain name.

    By its shape an ``importlib.abc.Loader``: importing that takes a cold start 2 ms.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(f"{self._package}.{spec.name}")
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own_spec  # it ran already, under its own name


class IsolatedFolder:
    """The modules of one folder, under the package ``name``: all of them, or those ``owned``."""

    def __init__(self, name: str, folder: Path, owned: Collection[str] | None = None) -> None:
        self.name = name
        self._path = [str(folder)]
        self._names = list_modules(folder) if owned is None else owned
        self._builtins = vars(builtins) | {"__import__": self._import}
        self._hidden: dict[str, ModuleType] = {}
        package = ModuleType(name)
        package.__path__ = self._path
        sys.modules[name] = package
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """This package's modules, by plain names too while it is active."""
        if _active is self and self._owns(fullname):
            return ModuleSpec(fullname, AliasLoader(self.name))  # type: ignore[arg-type]
        if not fullname.startswith(f"{self.name}."):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = IsolatedLoader(fullname, spec.loader.path, self._builtins)
        return spec

    def _owns(self, name: str) -> bool:
        return name.partition(".")[0] in self._names

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """``__import__``: a top-level name that is a file here is the version's own."""
        if level or not self._owns(name):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = builtins.__import__(f"{self.name}.{name}", globals, locals, fromlist or (), 0)
        with _switch:
            if _active is self:  # pickle looks for what it imported by the plain name
                self._alias()
        return module if fromlist else sys.modules[f"{self.name}.{name.partition('.')[0]}"]

    def import_module(self, name: str) -> ModuleType:
        """Import a module of this folder."""
        invalidate_caches()
        return import_module(f"{self.name}.{name}")

    def show(self) -> None:
        """Plain names lead here: those of modules imported by now, others once asked for."""
        self._hidden = {
            name: sys.modules.pop(name) for name in list(sys.modules) if self._owns(name)
        }
        self._alias()

    def _alias(self) -> None:
        prefix = f"{self.name}."
        sys.modules |= {
            name.removeprefix(prefix): module
            for name, module in list(sys.modules.items())
            if name.startswith(prefix)
        }

    def hide(self) -> None:
        """Plain names lead where they led before."""
        for name in [name for name in list(sys.modules) if self._owns(name)]:
            del sys.modules[name]
        sys.modules |= self._hidden

    def remove(self) -> None:
        """Forget the modules, where the version is unloaded."""
        with _switch:
            if _active is self:
                _lead_to(None)
        sys.meta_path.remove(self)
        for name in [
            name for name in list(sys.modules) if (name + ".").startswith(f"{self.name}.")
        ]:
            del sys.modules[name]


def list_modules(folder: Path) -> set[str]:
    """Top-level names of the modules and packages in a folder; one of data alone is none."""
    return {
        entry.name.partition(".")[0]
        for entry in folder.iterdir()
        if entry.name.endswith(ENDINGS)
        or (entry.is_dir() and any(file.name.endswith(ENDINGS) for file in entry.rglob("*")))
    }


_active: IsolatedFolder | None = None
_loads = 0
"""Versions that are being loaded."""
_switch = threading.RLock()
"""Held where plain names change; the garbage collector may run code that imports meanwhile."""


def activate(folder: IsolatedFolder | None) -> None:
    """From here on plain names lead to the modules of ``folder``; None: to the common ones.

    Not while a version is loaded beside this request: a model's pickle needs them more.
    """
    if folder is _active:
        return
    with _switch:
        if not _loads:
            _lead_to(folder)


def _lead_to(folder: IsolatedFolder | None) -> None:
    global _active
    if _active is not None:
        _active.hide()
    _active = folder
    if folder is not None:
        folder.show()


@contextmanager
def show_plain_names(folder: IsolatedFolder | None) -> Iterator[None]:
    """While a version is loaded, plain names lead to its modules, wherever they led before."""
    global _loads
    with _switch:
        before = _active
        _loads += 1
        _lead_to(folder)
    try:
        yield
    finally:
        with _switch:
            _loads -= 1
            _lead_to(before if before in sys.meta_path else None)

"""Code of one version in a folder of its own: its modules never mix with another version's.

Two versions may each bring a ``preprocess.py`` and a ``features.py``. Python knows a module by
its name alone, so the second version would get the first one's. Here the modules of a version
live under a package of their own (``version_2.features``), and the code in them has an
``__import__`` that looks there first: at import, and just as well at an import in a method
that runs requests later, whatever runs beside it.

Pickles and ``importlib.import_module`` know plain names alone. While a version is loaded or
serves, it is the active one: the plain names lead to its modules
(docs/decisions/0007-versions-side-by-side.md). Where several serve at once: ``shared_names``.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Buffer, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module, invalidate_caches
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

ENDINGS = (".py", *EXTENSION_SUFFIXES)
"""Of the files that hold modules."""


class IsolatedLoader(SourceFileLoader):
    """Runs a module with the version's own ``__import__``, and under its plain name.

    What it sees of itself is what it sees where it is alone: ``__name__``, ``__package__``,
    ``sys.modules[__name__]``.
    """

    def __init__(self, name: str, path: str, folder: IsolatedFolder) -> None:
        super().__init__(name, path)
        self._folder = folder

    def set_data(self, path: str, data: Buffer, *, _mode: int = 0o666) -> None:
        """Write no bytecode: it would hide a change that is saved within the same second."""

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(self.name)
        assert code is not None  # of a source file
        plain = self.name.removeprefix(f"{self._folder.name}.")
        package = plain if self.is_package(self.name) else plain.rpartition(".")[0]
        own = {"__name__": plain, "__package__": package, "__builtins__": self._folder.builtins}
        module.__dict__.update(own)
        self._folder.publish(plain, module)
        if plain == self._folder.entry and module.__spec__ is not None:
            # Its own threads may import it meanwhile, as where it is alone (``import_file``).
            module.__spec__._initializing = False  # type: ignore[attr-defined]
        try:
            exec(code, module.__dict__)
        except BaseException:
            self._folder.withdraw(plain)
            raise


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
        self.entry = ""
        self._path = [str(folder)]
        self._names = list_modules(folder) if owned is None else owned
        self.builtins = vars(builtins) | {"__import__": self._import}
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
            spec.loader = IsolatedLoader(fullname, spec.loader.path, self)
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
        if level:
            package = (globals or {}).get("__package__")
            if not package:  # as import has it
                raise ImportError("attempted relative import with no known parent package")
            name = resolve_name("." * level + name, package)
        if not self._owns(name):
            return builtins.__import__(name, globals, locals, fromlist or ())
        module = self._load(name)
        with _switch:
            if _active is self:  # pickle looks for what it imported by the plain name
                self._alias()
        if not fromlist:
            return sys.modules[f"{self.name}.{name.partition('.')[0]}"]
        if hasattr(module, "__path__"):
            self._import_parts(module, name, fromlist)
        return module

    def _import_parts(self, package: ModuleType, name: str, fromlist: Sequence[str]) -> None:
        """``from package import part``, where that is a module which nobody has imported."""
        listed = getattr(package, "__all__", ()) if "*" in fromlist else ()
        for part in {*fromlist, *listed} - {"*"}:
            if not hasattr(package, part):
                try:
                    self._load(f"{name}.{part}")
                except ModuleNotFoundError as error:
                    if error.name != f"{name}.{part}":
                        raise  # it is there, and misses another

    def _load(self, plain: str) -> ModuleType:
        """A module of this folder; one that is missing is told by its plain name."""
        prefix = f"{self.name}."
        try:
            return import_module(prefix + plain)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith(prefix):
                raise
            text, name = str(error).replace(prefix, ""), (error.name or "").removeprefix(prefix)
            raise ModuleNotFoundError(text, name=name) from None

    def publish(self, plain: str, module: ModuleType) -> None:
        """A module begins to run: it may look itself up."""
        with _switch:
            if _active is self:
                sys.modules[plain] = module

    def withdraw(self, plain: str) -> None:
        """It has failed."""
        with _switch:
            if _active is self:
                sys.modules.pop(plain, None)

    def import_module(self, name: str) -> ModuleType:
        """Import the module that the others belong to."""
        self.entry = name
        invalidate_caches()
        return self._load(name)

    def activate(self) -> None:
        """See the function ``activate``."""
        with _switch:
            if not _loads:
                _lead_to(self)

    def show_plain_names(self) -> AbstractContextManager[None]:
        """See the function ``show_plain_names``."""
        return _show_plain_names(self)

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
    if folder is not None:
        folder.activate()
        return
    with _switch:
        if not _loads:
            _lead_to(None)


def _lead_to(folder: IsolatedFolder | None) -> None:
    global _active
    if _active is not None:
        _active.hide()
    _active = folder
    if folder is not None:
        folder.show()


def show_plain_names(folder: IsolatedFolder | None) -> AbstractContextManager[None]:
    """While a version is loaded, plain names lead to its modules, wherever they led before."""
    return _show_plain_names(None) if folder is None else folder.show_plain_names()


@contextmanager
def _show_plain_names(folder: IsolatedFolder | None) -> Iterator[None]:
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

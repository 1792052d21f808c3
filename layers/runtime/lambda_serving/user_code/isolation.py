"""Isolation of a version's code: its modules never mix with those of another version.

Two versions may each have a ``preprocess.py`` and a ``features.py``. Python finds a module by its
name alone, so the second version would get the modules of the first. Therefore the modules of a
version are in a package of their own (``version_2.features``), and its code has an ``__import__``
that looks there first. This holds at import, and also in a method that imports during requests,
whatever runs at the same time.

Pickles and ``importlib.import_module`` use plain names: see ``plain_names``. The dev server
serves several endpoints at the same time and has a finder of its own. Why it is done like this:
docs/decisions/0007-versions-side-by-side.md.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Buffer, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module, invalidate_caches
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

from lambda_serving.user_code import plain_names

ENDINGS = (".py", *EXTENSION_SUFFIXES)
"""File name endings of modules."""


class IsolatedLoader(SourceFileLoader):
    """Runs a module with the version's own ``__import__``, and under its plain name.

    ``__name__``, ``__package__`` and ``sys.modules[__name__]`` are those of a single version.
    """

    def __init__(self, name: str, path: str, folder: IsolatedFolder) -> None:
        super().__init__(name, path)
        self._folder = folder

    def set_data(self, path: str, data: Buffer, *, _mode: int = 0o666) -> None:
        """Write no bytecode. It would hide a change that is saved within the same second."""

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(self.name)
        assert code is not None  # of a source file
        plain = self.name.removeprefix(f"{self._folder.name}.")
        package = plain if self.is_package(self.name) else plain.rpartition(".")[0]
        own = {"__name__": plain, "__package__": package, "__builtins__": self._folder.builtins}
        module.__dict__.update(own)
        self._folder.publish(plain, module)
        if plain == self._folder.entry and module.__spec__ is not None:
            # The module's own threads may import it meanwhile, as in ``import_file``.
            module.__spec__._initializing = False  # type: ignore[attr-defined]
        try:
            exec(code, module.__dict__)
        except BaseException:
            self._folder.withdraw(plain)
            raise


class AliasLoader:
    """Loads a version's module under its plain name.

    It has the methods of ``importlib.abc.Loader``, whose import would take 2 ms.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(f"{self._package}.{spec.name}")
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own_spec  # the module has run, under its own name


class IsolatedFolder:
    """A finder of the modules in one folder, all or those ``owned``, as the package ``name``."""

    def __init__(self, name: str, folder: Path, owned: Collection[str] | None = None) -> None:
        self.name = name
        self.entry = ""
        self._path = [str(folder)]
        self._names = list_modules(folder) if owned is None else owned
        self._prefixes = tuple(f"{name}." for name in self._names)
        self.builtins = vars(builtins) | {"__import__": self._import}
        self._hidden: dict[str, ModuleType] = {}
        package = ModuleType(name)
        package.__path__ = self._path
        sys.modules[name] = package
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find this package's modules; by plain names too, while the version is active."""
        if plain_names.is_active(self) and self._owns(fullname):
            return ModuleSpec(fullname, AliasLoader(self.name))  # type: ignore[arg-type]
        if not fullname.startswith(f"{self.name}."):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = IsolatedLoader(fullname, spec.loader.path, self)
        return spec

    def _owns(self, name: str) -> bool:
        return name.partition(".")[0] in self._names

    def _list_imported(self) -> list[str]:
        """The imported modules of plain names: as ``_owns``, without a call for each module."""
        return [
            name
            for name in list(sys.modules)
            if name in self._names or name.startswith(self._prefixes)
        ]

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """``__import__`` of the version's code: modules in its folder come first."""
        if level:
            package = (globals or {}).get("__package__")
            if not package:  # the text of Python's own error
                raise ImportError("attempted relative import with no known parent package")
            name = resolve_name("." * level + name, package)
        if not self._owns(name):
            return builtins.__import__(name, globals, locals, fromlist or ())
        module = self._load(name)
        with plain_names.SWITCH:
            if plain_names.is_active(self):  # pickle looks for what it imported by the plain name
                self._alias()
        if not fromlist:
            return sys.modules[f"{self.name}.{name.partition('.')[0]}"]
        if hasattr(module, "__path__"):
            self._import_parts(module, name, fromlist)
        return module

    def _import_parts(self, package: ModuleType, name: str, fromlist: Sequence[str]) -> None:
        """``from package import part``: import parts that are modules."""
        listed = getattr(package, "__all__", ()) if "*" in fromlist else ()
        for part in {*fromlist, *listed} - {"*"}:
            if not hasattr(package, part):
                try:
                    self._load(f"{name}.{part}")
                except ModuleNotFoundError as error:
                    if error.name != f"{name}.{part}":
                        raise  # the part exists, and misses another module

    def _load(self, plain: str) -> ModuleType:
        """Import a module of this folder. An error names it by its plain name."""
        prefix = f"{self.name}."
        try:
            return import_module(prefix + plain)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith(prefix):
                raise
            text, name = str(error).replace(prefix, ""), (error.name or "").removeprefix(prefix)
            raise ModuleNotFoundError(text, name=name) from None

    def publish(self, plain: str, module: ModuleType) -> None:
        """Register a module before it runs, since it may look itself up."""
        with plain_names.SWITCH:
            if plain_names.is_active(self):
                sys.modules[plain] = module

    def withdraw(self, plain: str) -> None:
        """Remove a module that failed."""
        with plain_names.SWITCH:
            if plain_names.is_active(self):
                sys.modules.pop(plain, None)

    def import_module(self, name: str) -> ModuleType:
        """Import the module that holds ``Preprocess``."""
        self.entry = name
        invalidate_caches()
        return self._load(name)

    def activate(self) -> None:
        """Let plain names lead to this version's modules, for its requests."""
        plain_names.activate(self)

    def show_plain_names(self) -> AbstractContextManager[None]:
        """The same while the version is loaded: pickles find the user's classes."""
        return plain_names.show_plain_names(self)

    def show(self) -> None:
        """Let plain names lead here: of imported modules now, of others when they are imported."""
        self._hidden = {name: sys.modules.pop(name) for name in self._list_imported()}
        self._alias()

    def _alias(self) -> None:
        prefix = f"{self.name}."
        sys.modules |= {
            name.removeprefix(prefix): module
            for name, module in list(sys.modules.items())
            if name.startswith(prefix)
        }

    def hide(self) -> None:
        """Let plain names lead where they led before ``show``."""
        for name in self._list_imported():
            del sys.modules[name]
        sys.modules |= self._hidden

    def remove(self) -> None:
        """Forget the modules, when the version is unloaded."""
        with plain_names.SWITCH:
            if plain_names.is_active(self):
                plain_names.lead_to(None)
        sys.meta_path.remove(self)
        for name in [
            name for name in list(sys.modules) if (name + ".").startswith(f"{self.name}.")
        ]:
            del sys.modules[name]


def list_modules(folder: Path) -> set[str]:
    """Top-level names of modules and packages in a folder. A folder without code is none."""
    return {
        entry.name.partition(".")[0]
        for entry in folder.iterdir()
        if entry.name.endswith(ENDINGS)
        or (entry.is_dir() and any(file.name.endswith(ENDINGS) for file in entry.rglob("*")))
    }

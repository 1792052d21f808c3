"""Plain module names in a process that serves several endpoints at once (the dev server).

``sys.modules`` has a stand-in under each plain name. Its attributes are those of the module of the
endpoint whose code asks. So pickles, ``importlib.import_module`` and ``sys.modules[__name__]`` find
the endpoint's own modules, and its own ``__main__``. The context of the request or load tells
which endpoint asks. A thread that user code starts has no context: there, the nearest frame with an
endpoint's code tells it.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from lambda_serving.user_code.isolation import IsolatedFolder, list_modules

_current: ContextVar[SharedFolder | None] = ContextVar("current", default=None)
_latest: SharedFolder | None = None


class SharedFolder(IsolatedFolder):
    """The modules of one version, and of its endpoint's folder, beside those of other endpoints."""

    def __init__(self, name: str, folder: Path, task_root: Path) -> None:
        super().__init__(name, folder, list_modules(folder) | list_modules(task_root))
        self._path.append(str(task_root))
        self._task_root = task_root
        sys.modules[f"{name}.__main__"] = ModuleType("__main__")
        stand_in("__main__")

    def _owns(self, name: str) -> bool:
        return name == "__main__" or super()._owns(name) or self._adopt(name.partition(".")[0])

    def _adopt(self, name: str) -> bool:
        """Whether a module lies where user code has led ``sys.path`` to, in its own folder."""
        own = [path for path in sys.path if Path(path).is_relative_to(self._task_root)]
        new = [path for path in own if path not in self._path]
        if not new or PathFinder.find_spec(name, new) is None:
            return False
        self._path += new
        self._names = {*self._names, name}
        return True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """This package's modules; the stand-in for a plain name where this endpoint asks."""
        if not fullname.startswith(f"{self.name}.") and self._owns(fullname):
            if find_current() is not self:
                return None
            self._load(fullname)
            return ModuleSpec(fullname, StandInLoader())  # type: ignore[arg-type]
        if path is None and find_current() is self:
            self._refuse_others(fullname)
        return super().find_spec(fullname, path, target)

    def _refuse_others(self, name: str) -> None:
        """Where an endpoint beside this one has led ``sys.path`` into its own folder.

        Raises:
            ModuleNotFoundError: the module is of its.
        """
        theirs = self._task_root.parent
        paths = [path for path in sys.path if Path(path).is_relative_to(theirs)]
        if not paths or PathFinder.find_spec(name, paths) is None:
            return
        rest = [path for path in sys.path if path not in paths]
        if PathFinder.find_spec(name, rest) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def publish(self, plain: str, module: ModuleType) -> None:
        stand_in(plain)

    def withdraw(self, plain: str) -> None:
        """The stand-in stays; it finds nothing."""

    def activate(self) -> None:
        global _latest
        _latest = self
        _current.set(self)

    @contextmanager
    def show_plain_names(self) -> Iterator[None]:
        global _latest
        _latest = self
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)

    def find(self, plain: str, *, imports: bool) -> ModuleType | None:
        """The module of a plain name; ``imports`` it where that was not done yet."""
        return self._load(plain) if imports else sys.modules.get(f"{self.name}.{plain}")


_numbers = itertools.count(1)


def isolate_modules(root: Path, folder: Path, version: str) -> SharedFolder:
    """``Runtime.isolate_modules``: the modules of one version of the endpoint in ``folder``.

    Each time under a name of its own: requests may still run in modules that a reload replaces.
    """
    return SharedFolder(f"{folder.name}_version_{version}_{next(_numbers)}", root, folder)


class StandIn(ModuleType):
    """In ``sys.modules`` under a plain name."""

    def __getattribute__(self, name: str) -> Any:
        # import asks for __spec__ first, of what it finds in sys.modules.
        return getattr(find_module(self, imports=name == "__spec__"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, StandIn | ModuleSpec):  # import's own, of a module just found
            setattr(find_module(self, imports=False), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(find_module(self, imports=False), name)

    def __dir__(self) -> list[str]:
        return dir(find_module(self, imports=False))

    def __repr__(self) -> str:
        return repr(find_module(self, imports=False))


class StandInLoader:
    """By its shape an ``importlib.abc.Loader``."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return stand_in(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """The module that it stands for has run already."""


def stand_in(plain: str) -> StandIn:
    """Put a stand-in under a plain name; what was there is everybody else's."""
    found = sys.modules.get(plain)
    if isinstance(found, StandIn):
        return found
    made = StandIn(plain)
    of_stand_in = ModuleType.__getattribute__(made, "__dict__")
    of_stand_in |= {"plain": plain, "common": found}
    sys.modules[plain] = made
    return made


def find_module(stand_in: StandIn, *, imports: bool) -> ModuleType:
    """What a stand-in stands for, where it is asked.

    Raises:
        AttributeError: nothing, or it was not imported; where ``imports``, ModuleNotFoundError.
    """
    own = ModuleType.__getattribute__(stand_in, "__dict__")
    plain, current = own["plain"], find_current()
    if current is not None and current._owns(plain):
        module = current.find(plain, imports=imports)
    else:
        if own["common"] is None and imports:
            own["common"] = import_common(plain, own)
        module = own["common"]
    if module is None:
        raise AttributeError(f"module {plain!r} was not imported")
    return module


def import_common(plain: str, own: dict[str, Any]) -> ModuleType:
    """A library's module of a name that an endpoint has, too.

    Raises:
        ModuleNotFoundError: there is none.
    """
    parent = plain.rpartition(".")[0]
    path = import_module(parent).__path__ if parent else None
    for finder in sys.meta_path:
        spec = None if isinstance(finder, IsolatedFolder) else finder.find_spec(plain, path)
        if spec is not None and spec.loader is not None:
            own["common"] = module = module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except BaseException:
                own["common"] = None
                raise
            return module
    raise ModuleNotFoundError(f"No module named {plain!r}", name=plain)


def find_current() -> SharedFolder | None:
    """Whose code asks."""
    current = _current.get()
    if current is not None:
        return current
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        owner = getattr(frame.f_builtins.get("__import__"), "__self__", None)
        if isinstance(owner, SharedFolder):
            return owner
        frame = frame.f_back
    return _latest

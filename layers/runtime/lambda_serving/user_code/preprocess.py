"""Imports the user's ``preprocess.py``, and makes its ``Preprocess`` once per version."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import UserCodeLoadError
from lambda_serving.memory import read_resident_memory
from lambda_serving.settings.endpoint import DEFAULT_VERSION, VersionSettings
from lambda_serving.user_code import plain_names
from lambda_serving.user_code.event_loop import run, show_event_loop
from lambda_serving.user_code.model_endpoint import make_model_endpoint
from lambda_serving.user_code.served_class import make_instance, set_attribute
from lambda_serving.user_values import get_text

if TYPE_CHECKING:
    from lambda_serving.user_code.isolation import IsolatedFolder

logger = logging.getLogger("lambda_serving")


class UserCode:
    """The user's ``Preprocess`` instance, and the contract's methods that it has."""

    def __init__(
        self, instance: Any, isolated: IsolatedFolder | None = None, cost: int = 0
    ) -> None:
        """``cost`` is the memory in bytes by which the process grew."""
        self.instance = instance
        self.cost = cost
        self._isolated = isolated

    def get_method(self, name: str) -> Callable[..., Any] | None:
        """A method of the instance; None if the class does not have it."""
        method = getattr(self.instance, name, None)
        return method if callable(method) else None

    def _call(self, name: str, *arguments: Any) -> Any:
        method = self.get_method(name)
        return None if method is None else run(method(*arguments))

    def load(self, path: Path | None) -> Any:
        """Call the user's ``load``, if there is one, with the path of the local model."""
        show_event_loop()
        return self._call("load", None if path is None else str(path))

    def restore(self) -> None:
        """Call the user's ``after_restore``, if there is one.

        Raises:
            UserCodeLoadError: it fails.
        """
        try:
            self._call("after_restore")
        except BaseException as error:  # noqa: BLE001  (user code may raise anything)
            raise UserCodeLoadError(
                f"{type(error).__name__} in after_restore; the log has the traceback",
                private=get_text(error),
            ) from error

    def unload(self) -> None:
        """Call the user's ``unload``, if there is one; then forget its modules."""
        try:
            self._call("unload")
        except BaseException:  # noqa: BLE001  (the version goes all the same)
            logger.exception("the endpoint's unload failed")
        self.forget()

    def forget(self) -> None:
        """Drop the version's modules."""
        if self._isolated is not None:
            self._isolated.remove()

    def activate(self) -> None:
        """From now on, plain module names lead to this version's code."""
        show_event_loop()
        if self._isolated is None:
            plain_names.activate(None)
        else:
            self._isolated.activate()

    def show_plain_names(self) -> AbstractContextManager[None]:
        """The same while the model is loaded."""
        return _show_plain_names(self._isolated)


def make_user_code(
    folder: Path,
    settings: VersionSettings,
    send_request: Callable[..., Any],
    isolate: Callable[[Path, Path, str], Any] | None = None,
) -> UserCode:
    """Import ``preprocess.py`` (or the package ``preprocess/``) and make ``Preprocess()``.

    In a folder without either there is no user code, and every stage returns its input. ``isolate``
    is ``Runtime.isolate_modules``.

    Raises:
        UserCodeLoadError: it cannot be imported, has no ``Preprocess``, or its ``__init__`` raises.
    """
    file = find_preprocess(folder, settings.preprocess)
    if file is None:
        return UserCode(SimpleNamespace())
    root, name = name_module(file)
    isolated = _isolate(root, folder, name, settings, isolate)
    try:
        with _show_plain_names(isolated):
            module = isolated.import_module(name) if isolated else import_file(name, file)
            before = read_resident_memory()
            instance = _make_instance(module, file, send_request)
            cost = max(0, read_resident_memory() - before)
        # As ClearML does, after __init__ and before load.
        set_attribute(instance, "model_endpoint", make_model_endpoint(settings))
    except BaseException as error:  # noqa: BLE001  (user code may raise anything)
        if isolated is not None:
            isolated.remove()
        if isinstance(error, UserCodeLoadError):
            raise
        raise _describe_failure(error, file, "import") from error
    return UserCode(instance, isolated, cost)


def _show_plain_names(isolated: IsolatedFolder | None) -> AbstractContextManager[None]:
    return plain_names.show_plain_names(None) if isolated is None else isolated.show_plain_names()


def _isolate(
    root: Path,
    folder: Path,
    name: str,
    settings: VersionSettings,
    isolate: Callable[[Path, Path, str], Any] | None,
) -> IsolatedFolder | None:
    """Make the finder of the version's own modules; None for the default version.

    The default version's modules have their plain names. Other modules in the root folder, such as
    libraries, are shared between versions.
    """
    if isolate is not None:
        own: IsolatedFolder = isolate(root, folder, settings.version)
        return own
    is_shared = root == folder
    if is_shared and str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if is_shared and settings.version == DEFAULT_VERSION:
        return None
    from lambda_serving.user_code.isolation import IsolatedFolder

    owned = [name] if is_shared else None
    return IsolatedFolder(f"version_{settings.version}", root, owned)


def _make_instance(module: ModuleType, file: Path, send_request: Callable[..., Any]) -> Any:
    found = getattr(module, "Preprocess", None)
    if not callable(found):
        came = "none" if found is None else f"an instance of {type(found).__name__}"
        raise UserCodeLoadError(f"{file.name}: expected a class named 'Preprocess', found {came}")
    show_event_loop()
    try:
        return make_instance(found, send_request)
    except BaseException as error:  # noqa: BLE001  (user code may raise anything)
        raise _describe_failure(error, file, "__init__") from error


def _describe_failure(error: BaseException, file: Path, stage: str) -> UserCodeLoadError:
    from lambda_serving.user_code.causes import describe_cause

    where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return UserCodeLoadError(
        f"{file.name}{where}: {type(error).__name__} in {stage}; the log has the traceback"
        f"{describe_cause(error)}",
        private=get_text(error),
    )


def find_preprocess(folder: Path, named: str | None) -> Path | None:
    """The file to import: the one that endpoint.toml names, or the default one."""
    if named is not None:
        path = folder / named
        file = path / "__init__.py" if path.is_dir() else path
        if not file.is_file():
            raise UserCodeLoadError(f"endpoint.toml: preprocess: there is no {named!r}")
        return file
    usual = (folder / "preprocess.py", folder / "preprocess" / "__init__.py")
    return next((file for file in usual if file.is_file()), None)


def name_module(file: Path) -> tuple[Path, str]:
    """The folder from which ``file`` is imported, and the module's name."""
    if file.name == "__init__.py":
        return file.parent.parent, file.parent.name
    return file.parent, file.stem


def import_file(name: str, file: Path) -> ModuleType:
    """Import a file again, under the name that the user's imports and pickles expect."""
    is_package = file.name == "__init__.py"
    spec = spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise UserCodeLoadError(f"{file.name}: expected a Python file")
    module = module_from_spec(spec)
    for earlier in [each for each in sys.modules if (each + ".").startswith(f"{name}.")]:
        del sys.modules[earlier]  # of an earlier import, which may have failed
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

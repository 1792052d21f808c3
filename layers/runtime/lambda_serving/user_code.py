"""Import the user's ``preprocess.py`` and make its ``Preprocess`` once per cold start."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from lambda_serving.errors import UserCodeLoadError
from lambda_serving.execution import run
from lambda_serving.settings import VersionSettings


@dataclass(frozen=True)
class ModelEndpoint:
    """What ClearML Serving calls a model endpoint; ``Preprocess.model_endpoint`` is one.

    Field names are ClearML's (clearml_serving/serving/endpoints.py, class ModelEndpoint).
    """

    engine_type: str
    serving_url: str
    model_id: str | None = None
    version: str = ""
    preprocess_artifact: str | None = None
    input_size: list[list[int]] | None = None
    input_type: list[str] | None = None
    input_name: list[str] | None = None
    output_size: list[list[int]] | None = None
    output_type: list[str] | None = None
    output_name: list[str] | None = None
    auxiliary_cfg: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def make_model_endpoint(settings: VersionSettings) -> ModelEndpoint:
    """ClearML's view of one version."""
    return ModelEndpoint(
        engine_type=settings.engine,
        serving_url=settings.endpoint,
        model_id=settings.model,
        version=settings.version,
        preprocess_artifact=settings.preprocess or "preprocess.py",
        input_size=[list(shape) for shape in settings.input.size] or None,
        input_type=list(settings.input.type) or None,
        input_name=list(settings.input.name) or None,
        output_size=[list(shape) for shape in settings.output.size] or None,
        output_type=list(settings.output.type) or None,
        output_name=list(settings.output.name) or None,
        auxiliary_cfg=dict(settings.auxiliary_cfg),
    )


class UserCode:
    """The user's ``Preprocess`` instance and which of the contract's methods it has."""

    def __init__(self, instance: Any) -> None:
        self.instance = instance

    def get_method(self, name: str) -> Callable[..., Any] | None:
        """A method of the instance, or None where the class leaves it out."""
        method = getattr(self.instance, name, None)
        return method if callable(method) else None

    @property
    def is_async(self) -> bool:
        """Whether any method of the pipeline must be awaited."""
        methods = (self.get_method(name) for name in ("preprocess", "process", "postprocess"))
        return any(inspect.iscoroutinefunction(method) for method in methods)

    def load(self, path: Path | None) -> Any:
        """Call the user's ``load`` with the local model, where the class has one."""
        method = self.get_method("load")
        if method is None:
            return None
        return run(method(None if path is None else str(path)))


def make_user_code(folder: Path, settings: VersionSettings) -> UserCode:
    """Import ``preprocess.py`` (or the package ``preprocess/``) and make ``Preprocess()``.

    A folder without either has no user code: every stage passes its input on.

    Raises:
        UserCodeLoadError: it cannot be imported, has no ``Preprocess``, or its ``__init__`` raises.
    """
    file = find_preprocess(folder, settings.preprocess)
    if file is None:
        return UserCode(object())
    stage = "import"
    try:
        module = import_file(file)
        stage = "__init__"
        instance = module.Preprocess()
    except AttributeError as error:
        if stage == "__init__" and not hasattr(module, "Preprocess"):
            raise UserCodeLoadError(
                f"{file.name}: expected a class named 'Preprocess', found none"
            ) from error
        raise _describe_failure(error, file, stage) from error
    except (Exception, SystemExit) as error:  # noqa: BLE001  (user code may raise anything)
        raise _describe_failure(error, file, stage) from error
    # ClearML sets both on the instance, after __init__ and before load.
    instance.model_endpoint = make_model_endpoint(settings)
    return UserCode(instance)


def _describe_failure(error: BaseException, file: Path, stage: str) -> UserCodeLoadError:
    where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return UserCodeLoadError(
        f"{file.name}{where}: {type(error).__name__} in {stage}; the log has the traceback",
        private=str(error),
    )


def find_preprocess(folder: Path, named: str | None) -> Path | None:
    """The file to import: the one that endpoint.toml names, or the usual places."""
    if named is not None:
        path = folder / named
        file = path / "__init__.py" if path.is_dir() else path
        if not file.is_file():
            raise UserCodeLoadError(f"endpoint.toml: preprocess: there is no {named!r}")
        return file
    usual = (folder / "preprocess.py", folder / "preprocess" / "__init__.py")
    return next((file for file in usual if file.is_file()), None)


def import_file(file: Path) -> ModuleType:
    """Import a file under the name that the user's own imports and pickles expect."""
    is_package = file.name == "__init__.py"
    name = file.parent.name if is_package else file.stem
    root = str(file.parent.parent if is_package else file.parent)
    if root not in sys.path:
        sys.path.insert(0, root)
    spec = spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if is_package else None
    )
    if spec is None or spec.loader is None:
        raise UserCodeLoadError(f"{file.name}: expected a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

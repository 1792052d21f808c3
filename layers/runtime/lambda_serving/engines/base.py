"""What engines have in common, and the table's look-up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, ClassVar, Literal, cast

from lambda_serving.errors import MissingLibraryError, ModelLoadError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.engines import ENGINES
from lambda_serving.user_values import get_text


class Engine:
    """Runs a model. Made once per version and cold start; used for every request.

    What an engine does not override is for any object that has ``predict``, such as one that the
    user's ``load`` returned.

    ``user_process`` says what a ``process`` method of the user's class means: it is
    ``"required"`` (the engine runs no model), ``"replaces"`` the model run, or is ``"ignored"``.
    """

    user_process: ClassVar[Literal["required", "replaces", "ignored"]] = "ignored"

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        """Its module imports the library, while the model is still on its way."""
        self._settings = settings
        self._vcpus = vcpus
        self._model: Any = None

    def load(self, model: Model | None) -> None:
        """Load the model by itself, where the user's ``load`` returned nothing.

        Raises:
            ModelLoadError: there is none, or it is not one that this engine reads.
        """
        if model is None:
            name = self._settings.engine
            raise ModelLoadError(f"the engine {name!r} needs a model, or a load that returns one")
        self.adopt(self._read(model))

    def _read(self, model: Model) -> Any:
        """The model as an object of the library."""
        raise NotImplementedError

    def adopt(self, loaded: Any) -> None:
        """Use what the user's ``load`` returned."""
        self._model = loaded

    def predict(self, data: Any) -> Any:
        """Run the model on what ``preprocess`` returned.

        Raises:
            InputError: the model cannot take ``data``; says what it takes.
        """
        try:
            return self._model.predict(data)
        except Exception as error:
            from lambda_serving.engines.refusals import raise_refusal

            raise_refusal(error)
            raise

    def describe(self) -> dict[str, Any]:
        """Inputs and outputs for the endpoint's metadata, as far as they are known."""
        return {"model": type(self._model).__name__}


def refuse_model(told: str, error: BaseException, more: str = "") -> ModelLoadError:
    """The error of a model that cannot be loaded: what is ``told``, the cause, and ``more``."""
    from lambda_serving.user_code.causes import describe_cause

    return ModelLoadError(f"{told}{describe_cause(error)}{more}", private=get_text(error))


def check_options(
    settings: VersionSettings,
    function: Callable[..., Any],
    taken: Collection[str],
    further: Collection[str] = (),
) -> dict[str, Any]:
    """``[engine_options]`` as keyword arguments of ``function``, but for those ``taken``.

    ``further`` are those that its ``**kwargs`` take. Others are refused.
    """
    parameters = inspect.signature(function).parameters.values()
    named = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    known = [name for name in named if name not in ("self", *taken)] + list(further)
    refuse_unknown_options(settings, known)
    return dict(settings.engine_options)


def refuse_unknown_options(settings: VersionSettings, known: Collection[str]) -> None:
    """Refuse an option that the engine does not have.

    Raises:
        SettingsError: names the option and those there are.
    """
    for name in settings.engine_options:
        if name not in known:
            raise SettingsError(
                f"endpoint.toml: engine_options.{name}: the engine {settings.engine!r} has "
                + (", ".join(known) or "none")
            )


def find_engine(name: str) -> type[Engine]:
    """The class of an engine by its name in ``endpoint.toml``.

    Raises:
        MissingLibraryError: its library is in no layer of this function, or not a whole one.
    """
    module, _, class_name = ENGINES[name].partition(":")
    layer = f"engine_{module.rpartition('.')[2]}"
    try:
        return cast(type[Engine], getattr(import_module(module), class_name))
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f"the engine {name!r} needs {error.name!r}: attach the layer {layer!r}"
        ) from error
    except (ImportError, OSError) as error:
        from lambda_serving.user_code.libraries import find_shared_library

        if library := find_shared_library(error):
            raise MissingLibraryError(
                f"the engine {name!r} needs the shared library {library!r}, which is not here:"
                f" attach the layer {layer!r}",
                private=str(error),
            ) from error
        raise MissingLibraryError(
            f"the engine {name!r} cannot use its library ({type(error).__name__}): it was built for"
            f" another processor or Python, or lacks a library of the system; the layer {layer!r}"
            " has all of it",
            private=str(error),
        ) from error

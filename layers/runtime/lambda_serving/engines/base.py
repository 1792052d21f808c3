"""The protocol of engines, and the table's look-up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, ClassVar, Literal, Protocol, cast

from lambda_serving.errors import MissingLibraryError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.engines import ENGINES


class Engine(Protocol):
    """Runs a model. Made once per version and cold start; used for every request.

    ``user_process`` says what a ``process`` method of the user's class means: it is
    ``"required"`` (the engine runs no model), ``"replaces"`` the model run, or is ``"ignored"``.
    """

    user_process: ClassVar[Literal["required", "replaces", "ignored"]]

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        """Import the library, while the model is still on its way."""

    def load(self, model: Model | None) -> None:
        """Load the model by itself, where the user's ``load`` returned nothing.

        Raises:
            ModelLoadError: the model is not one that this engine reads.
        """

    def adopt(self, loaded: Any) -> None:
        """Use what the user's ``load`` returned."""

    def predict(self, data: Any) -> Any:
        """Run the model on what ``preprocess`` returned.

        Raises:
            InputError: the model cannot take ``data``; says what it takes.
        """

    def describe(self) -> dict[str, Any]:
        """Inputs and outputs for the endpoint's metadata, as far as they are known."""


def check_options(
    settings: VersionSettings,
    function: Callable[..., Any],
    taken: Collection[str],
    further: Collection[str] = (),
) -> dict[str, Any]:
    """``[engine_options]`` as keyword arguments of ``function``, but for those ``taken``.

    ``further`` are those that its ``**kwargs`` take.

    Raises:
        SettingsError: names the option and those there are.
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

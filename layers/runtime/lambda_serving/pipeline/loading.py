"""Loads one version: the model and the user code become an ``Endpoint``.

The model is fetched in a thread, while the engine and the user code are imported.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lambda_serving.engines.base import Engine, find_engine, refuse_model
from lambda_serving.errors import LoadError, LoadTimeoutError, ModelFetchError, TimeIsOver
from lambda_serving.memory import read_resident_memory
from lambda_serving.messages.request import find_request
from lambda_serving.models.model import Model
from lambda_serving.models.patience import Patience
from lambda_serving.models.store import fetch_model
from lambda_serving.pipeline.endpoint import Endpoint, Trace
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.runtime import Runtime
from lambda_serving.user_code.preprocess import UserCode, make_user_code

logger = logging.getLogger("lambda_serving")


class Fetch:
    """The fetch of a model, in a thread."""

    def __init__(self, settings: VersionSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._patience = Patience(find_request().deadline)
        self._is_left = False
        self._model: Model | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(settings.model,), name="model-fetch", daemon=True
        )
        if settings.model is not None:
            self._thread.start()

    def _run(self, model: str) -> None:
        try:
            with tell_missing_room():
                self._model = fetch_model(
                    model, self._settings.sha256, self._runtime, self._patience
                )
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            self._error = error
        if self._is_left and self._model is not None:
            self._model.discard()

    def wait(self) -> Model | None:
        """The model, or None where the version has none.

        Raises:
            LoadError: as ``fetch_model``; it does not come, or has no room.
        """
        self._join()
        if self._error is not None:
            raise self._error
        return self._model

    def discard(self) -> None:
        """Nobody wants the model; it may have come, or be on its way."""
        with suppress(LoadError):
            self._join()
        if self._model is not None:
            self._model.discard()

    def _join(self) -> None:
        """Raises ModelFetchError where the fetch takes too long; its thread is left then."""
        try:
            while self._thread.is_alive():
                self._thread.join(self._patience.count_seconds())
        except LoadError:
            self._is_left = True
            raise


def load_version(
    settings: VersionSettings, runtime: Runtime, send_request: Callable[..., Any], trace: Trace
) -> Endpoint:
    """Load one version, whole.

    ``send_request`` is what its user code calls other endpoints by.

    Raises:
        LoadError: anything that goes wrong on the way, by its own name.
    """
    try:
        return _load(settings, runtime, send_request, trace)
    except LoadError as error:
        if isinstance(error.__cause__, TimeIsOver):
            raise LoadTimeoutError from error.__cause__
        raise
    except TimeIsOver as error:
        raise LoadTimeoutError from error
    except BaseException as error:  # a library's, or code in a pickle: any request would be an
        # InternalError for ever
        told = f"{type(error).__name__} while version {settings.version} was loaded"
        raise refuse_model(f"{told}; the log has the traceback", error) from error


def _load(
    settings: VersionSettings, runtime: Runtime, send_request: Callable[..., Any], trace: Trace
) -> Endpoint:
    fetch = Fetch(settings, runtime)
    user_code = None
    try:
        engine = find_engine(settings.engine)(settings, runtime.vcpus)
        user_code = make_user_code(
            runtime.task_root, settings, send_request, runtime.isolate_modules
        )
        if engine.user_process == "ignored" and user_code.get_method("process"):
            logger.warning("the engine %r runs the model: `process` is ignored", settings.engine)
        model = fetch.wait()
        before = read_resident_memory()
        with user_code.show_plain_names():
            _load_model(engine, user_code, model)
    except BaseException:
        if user_code is not None:
            user_code.forget()
        fetch.discard()
        raise
    cost = user_code.cost + max(0, read_resident_memory() - before)
    return Endpoint(settings, engine, user_code, model, cost, trace)


def _load_model(engine: Engine, user_code: UserCode, model: Model | None) -> None:
    """The user's ``load``, then the engine's own where that gave nothing."""
    loaded = None
    if user_code.get_method("load") is not None:
        path = None
        if model is not None:
            # What was written of it is in the way of the count.
            with tell_missing_room(model.size, model.discard):
                path = model.path
        try:
            loaded = user_code.load(path)
        except BaseException as error:  # noqa: BLE001  (user code may raise anything)
            told = f"{type(error).__name__} in the endpoint's load; the log has the traceback"
            raise refuse_model(told, error) from error
    if loaded is None:
        engine.load(model)
    else:
        engine.adopt(loaded)


@contextmanager
def tell_missing_room(
    size: int | None = None, clean: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """A full disk by its own name; ``size`` is in bytes, ``clean`` is called before the count.

    Raises:
        ModelFetchError: there is no room for the model; there may be some later.
    """
    try:
        yield
    except OSError as error:
        clean()
        from lambda_serving.user_code.causes import describe_room, find_no_room

        if not find_no_room(error):
            raise
        raise ModelFetchError(
            f"the model has no room on the disk: {describe_room(size)}", private=str(error)
        ) from error

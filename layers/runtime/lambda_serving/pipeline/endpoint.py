"""The pipeline: preprocess, process and postprocess of one loaded version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from time import perf_counter
from typing import Any, NamedTuple

from lambda_serving.engines.base import Engine
from lambda_serving.errors import InputError, UserCodeError
from lambda_serving.messages.request import Request
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.user_code.event_loop import run
from lambda_serving.user_code.failures import translate_exception
from lambda_serving.user_code.preprocess import UserCode


class Servable:
    """A loaded version that serves requests: a pipeline, or a canary."""

    settings: VersionSettings
    cost = 0
    """Bytes of memory by which the process grew during the load."""
    model_size = 0
    """Bytes on disk."""
    sha256: str | None = None
    """The model's digest, if it is known."""

    def serve(self, request: Request) -> Any:
        """Return one request's result.

        Raises:
            ServingError: as listed in ``errors``, with the stage that raised.
        """
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Inputs and outputs for the endpoint's metadata."""
        raise NotImplementedError

    def restore(self) -> None:
        """After a restore from a snapshot.

        Raises:
            LoadError: the user's ``after_restore`` fails.
        """

    def close(self) -> None:
        """Unload it."""


class Stage(NamedTuple):
    """One step of the pipeline: its name in errors, and the function it calls."""

    name: str
    call: Callable[[Any, dict[str, Any], Any], Any]
    blames_caller: bool
    """Whether a ``ValueError`` in it is about the input (status 422)."""


Trace = Callable[..., Callable[..., Any]]
"""Takes a name and a function; returns the function with a trace subsegment around each call."""


class Endpoint(Servable):
    """preprocess -> process -> postprocess, with a new ``state`` for each request."""

    def __init__(
        self,
        settings: VersionSettings,
        engine: Engine,
        user_code: UserCode,
        model: Model | None,
        cost: int,
        trace: Trace,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.user_code = user_code
        self._model = model
        self.cost = cost
        if model is not None:
            self.model_size, self.sha256 = model.size, model.sha256
        self._stages = tuple(self._list_stages(trace))

    def _list_stages(self, trace: Trace) -> Iterator[Stage]:
        """The stages, without those whose method the user's class leaves out."""
        for name in ("preprocess", "process", "postprocess"):
            method, blames_caller = self.user_code.get_method(name), name != "postprocess"
            if name == "process" and (method is None or self.engine.user_process == "ignored"):
                method, blames_caller = self._predict, False
            if method is not None:
                yield Stage(name, trace(name, method, blames_caller), blames_caller)

    def _predict(self, data: Any, state: dict[str, Any], collect: Any) -> Any:
        return self.engine.predict(data)

    def serve(self, request: Request) -> Any:
        """Run one request. The result is the return value of the last stage.

        All stages run in one context, asynchronous or not: a ``ContextVar`` that one stage sets
        is seen by the next, and by no other request.
        """
        self.user_code.activate()
        metrics = request.metrics or RequestMetrics()
        metrics.pick_variables(request.body)
        collect = metrics.collect
        state: dict[str, Any] = {}
        context = copy_context()
        data: Any = request.body
        for stage in self._stages:
            started = perf_counter()
            try:
                data = run(context.run(stage.call, data, state, collect), context)
            except BaseException as error:  # noqa: BLE001  (user code: any error is translated)
                failure = translate_exception(error, stage.name, stage.blames_caller)
                is_told = isinstance(failure, UserCodeError) or (
                    isinstance(failure, InputError) and type(data) is bytes
                )
                if is_told and data is request.body:
                    from lambda_serving.user_code.causes import describe_input

                    headers = request.headers
                    content_type = headers.get(b"content-type", b"").decode("latin-1")
                    failure.detail += describe_input(error, data, content_type, bool(headers))
                raise failure from error
            finally:
                metrics.stages[stage.name] = perf_counter() - started
        metrics.pick_variables(data)
        return data

    def describe(self) -> dict[str, Any]:
        return self.engine.describe()

    def restore(self) -> None:
        """Call the user's ``after_restore``."""
        self.user_code.activate()
        self.user_code.restore()

    def close(self) -> None:
        """Unload: call the user's ``unload``, then drop the model's files and the modules."""
        self.user_code.unload()
        if self._model is not None:
            self._model.discard()

"""Cold start: settings -> model (its fetch overlaps the imports) -> user code -> Endpoint."""

from __future__ import annotations

import threading
from typing import Any

from lambda_serving.endpoint import Endpoint
from lambda_serving.engines.base import find_engine
from lambda_serving.errors import (
    LoadError,
    ModelLoadError,
    UnknownEndpointError,
    UnknownVersionError,
    report_error,
)
from lambda_serving.models.store import Model, fetch_model
from lambda_serving.models.versions import Versions
from lambda_serving.settings import (
    EndpointSettings,
    Runtime,
    VersionSettings,
    read_endpoint,
    read_runtime,
)
from lambda_serving.user_code import UserCode, make_user_code


class Fetch:
    """A model on its way, in a thread of its own."""

    def __init__(self, settings: VersionSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._model: Model | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="model-fetch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            if self._settings.model is not None:
                self._model = fetch_model(
                    self._settings.model, self._settings.sha256, self._runtime
                )
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            self._error = error

    def wait(self) -> Model | None:
        """The model, or None where the version has none.

        Raises:
            LoadError: as ``fetch_model``.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._model


def load_version(settings: VersionSettings, runtime: Runtime) -> Endpoint:
    """Load one version, whole.

    Raises:
        LoadError: anything that goes wrong on the way, by its own name.
    """
    fetch = Fetch(settings, runtime)
    engine = find_engine(settings.engine)(settings, runtime.vcpus)
    user_code = make_user_code(runtime.task_root, settings)
    model = fetch.wait()
    loaded = _call_user_load(user_code, model)
    if loaded is not None:
        engine.adopt(loaded)
    else:
        engine.load(model)
    return Endpoint(settings, engine, user_code)


def _call_user_load(user_code: UserCode, model: Model | None) -> Any:
    if user_code.get_method("load") is None:
        return None
    try:
        return user_code.load(None if model is None else model.path)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (user code may raise anything)
        raise ModelLoadError(
            f"{type(error).__name__} in the endpoint's load; the log has the traceback",
            private=str(error),
        ) from error


class Environment:
    """What one execution environment serves; made once per cold start."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._settings: EndpointSettings | None = None
        self._versions = Versions(self._load)

    def _load(self, version: str) -> Endpoint:
        return load_version(self.settings.versions[version], self.runtime)

    @property
    def settings(self) -> EndpointSettings:
        """What ``endpoint.toml`` says.

        Raises:
            SettingsError: it is wrong; the next request reads it again.
        """
        if self._settings is None:
            self._settings = read_endpoint(self.runtime.task_root)
        return self._settings

    def get_endpoint(self, version: str | None = None) -> Endpoint:
        """A loaded version; None is the one that answers the unversioned URL.

        Raises:
            UnknownVersionError: names the versions there are.
            LoadError: it cannot be loaded now.
        """
        settings = self.settings
        version = version or settings.default
        if version not in settings.versions:
            known = ", ".join(settings.versions)
            raise UnknownVersionError(
                f"endpoint {settings.endpoint!r} has no version {version!r}; it has {known}"
            )
        return self._versions.get(version)

    def check_name(self, name: str) -> None:
        """Refuse a URL that names another endpoint.

        Raises:
            UnknownEndpointError: this environment serves another one.
        """
        if name != self.settings.endpoint:
            raise UnknownEndpointError(f"there is no endpoint {name!r} here")

    def is_loaded(self, version: str) -> bool:
        return self._versions.is_loaded(version)


def start_environment() -> Environment:
    """The cold start's work.

    A failed load does not end an on-demand environment, which would only crash-loop: it
    answers 503 and tries again. Under SnapStart or provisioned concurrency it does, so that
    the deployment fails instead of publishing a broken version.

    Raises:
        LoadError: under SnapStart or provisioned concurrency.
    """
    environment = Environment(read_runtime())
    try:
        environment.get_endpoint()
    except LoadError as error:
        report_error(error, "init")
        if environment.runtime.fails_at_init:
            raise
    return environment

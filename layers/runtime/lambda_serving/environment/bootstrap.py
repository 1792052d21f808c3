"""The cold start: make the environment's parts, load the default version, set up logs."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from lambda_serving.calls.on_demand import CallsOnDemand
from lambda_serving.environment.environment import Environment
from lambda_serving.errors import LoadError, report_error
from lambda_serving.messages.request import Request, enter_request
from lambda_serving.redaction import hide
from lambda_serving.settings.endpoint_toml import EndpointFile
from lambda_serving.settings.runtime import Runtime, read_runtime
from lambda_serving.telemetry.logs import import_formatter, set_up_logs
from lambda_serving.telemetry.telemetry import Telemetry
from lambda_serving.versions.loaded import VersionLoader
from lambda_serving.versions.versions import Versions

if TYPE_CHECKING:
    from lambda_serving.calls.send_request import Calls


def start_environment() -> Environment:
    """Do the work of the cold start.

    An on-demand environment starts even if its endpoint cannot be loaded: it answers 503 and
    tries again. Otherwise Lambda would start it again and again. Under SnapStart and provisioned
    concurrency the error ends it, so that the deployment fails.

    Raises:
        LoadError: under SnapStart or provisioned concurrency.
    """
    enter_request(Request({}, "init"))  # it has no deadline
    environment = make_environment(read_runtime())
    runtime = environment.runtime
    hide(runtime.secrets)
    set_up_logs(runtime, lambda: environment.telemetry.statistics.endpoint)
    if runtime.starts_ahead:
        from lambda_serving.environment.snapshot import register_hooks, warm_up

        register_hooks(environment)
    try:
        environment.versions.get()
        if runtime.starts_ahead:
            warm_up(environment)
    except LoadError as error:
        report_error(error, "init")
        if runtime.starts_ahead:
            raise
    close_at_shutdown(environment)
    return environment


def make_environment(runtime: Runtime) -> Environment:
    """Make each part once, and hand it to the parts that need it."""
    file = EndpointFile(runtime)
    telemetry = Telemetry(runtime, file)
    calls = CallsOnDemand(lambda: make_calls(runtime, telemetry))
    loader = VersionLoader(runtime, file, telemetry, calls)
    versions = Versions(runtime, file, loader.load, telemetry.count)
    return Environment(runtime, file, telemetry, calls, versions)


def make_calls(runtime: Runtime, telemetry: Telemetry) -> Calls:
    """Calls to other endpoints over the Lambda API."""
    from lambda_serving.calls.lambda_api import LambdaApi
    from lambda_serving.calls.send_request import Calls

    if runtime.function_name:
        import_formatter()  # when a call fails, there may be no time left to import it
    api = LambdaApi(runtime)
    send = api.invoke if telemetry.tracer is None else telemetry.tracer.trace_calls(api)
    return Calls(send, runtime.depth_limit, telemetry.count_failed_call)


def close_at_shutdown(environment: Environment) -> None:
    """Unload at SIGTERM, which Lambda sends before it ends an environment.

    Lambda sends it only if an extension is registered, and leaves at least 300 ms (AWS Lambda,
    "Lambda execution environment lifecycle", shutdown phase).
    """

    def close(signal_number: int, frame: object) -> None:
        environment.close()
        signal.signal(signal_number, signal.SIG_DFL)
        signal.raise_signal(signal_number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, close)

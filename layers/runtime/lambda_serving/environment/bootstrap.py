"""Cold start: settings -> the default version (``loading``) -> what this environment serves."""

from __future__ import annotations

import signal
import threading

from lambda_serving.environment.environment import Environment
from lambda_serving.errors import LoadError, report_error
from lambda_serving.messages.request import Request, enter_request
from lambda_serving.redaction import hide
from lambda_serving.settings.runtime import read_runtime
from lambda_serving.telemetry.logs import set_up_logs


def start_environment() -> Environment:
    """The cold start's work.

    A failed load does not end an on-demand environment, which would only crash-loop: it
    answers 503 and tries again. Under SnapStart or provisioned concurrency it does, so that
    the deployment fails instead of publishing a broken version.

    Raises:
        LoadError: under SnapStart or provisioned concurrency.
    """
    enter_request(Request({}, "init"))  # whatever ran before: it has no deadline
    environment = Environment(read_runtime())
    starts_ahead = environment.runtime.starts_ahead
    hide(environment.runtime.secrets)
    set_up_logs(environment.runtime, lambda: environment.statistics.endpoint)
    if starts_ahead:
        from lambda_serving.environment.snapshot import register_hooks, warm_up

        register_hooks(environment)
    try:
        environment.get_endpoint()
        if starts_ahead:
            warm_up(environment)
    except LoadError as error:
        report_error(error, "init")
        if starts_ahead:
            raise
    close_at_shutdown(environment)
    return environment


def close_at_shutdown(environment: Environment) -> None:
    """Unload at SIGTERM, which Lambda sends before it ends an environment.

    It does so only where an extension is registered, and leaves 300 ms at least (AWS Lambda,
    "Lambda execution environment lifecycle", shutdown phase).
    """

    def close(signal_number: int, frame: object) -> None:
        environment.close()
        signal.signal(signal_number, signal.SIG_DFL)
        signal.raise_signal(signal_number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, close)

"""The handler of every function: ``lambda_serving.handler.lambda_handler``.

Importing this module is the cold start. No other module does work at import.
"""

from __future__ import annotations

import gc

# Nearly all objects of a cold start stay: collecting garbage would take 3 % of its time.
gc.disable()

from typing import Any  # noqa: E402

from lambda_serving.environment.bootstrap import start_environment  # noqa: E402
from lambda_serving.events.event_sources import find_event_source  # noqa: E402
from lambda_serving.events.http import make_adapter  # noqa: E402
from lambda_serving.telemetry.logs import begin_invocation  # noqa: E402

environment = start_environment()
watchdog = None
if environment.runtime.has_client:
    from lambda_serving.environment.watchdog import Watchdog

    watchdog = Watchdog()
if environment.runtime.starts_ahead:
    make_adapter(environment)  # imports what the first HTTP event needs
if not environment.runtime.is_snapshot:  # `snapshot` freezes them before the snapshot
    gc.freeze()  # requests need not visit them either
gc.enable()


def lambda_handler(event: Any, context: Any) -> Any:
    """Serve one event: API Gateway, ALB, function URL, direct invoke or a warm-up.

    Raises:
        Exception: on a direct invoke, named by the class in the error table, its message the
            JSON body of the error.
    """
    begin_invocation(context.aws_request_id)
    if watchdog is not None:
        watchdog.begin(context.get_remaining_time_in_millis() / 1000)
    try:
        environment.versions.check_registry(lambda: context.get_remaining_time_in_millis() / 1000)
        return find_event_source(event).answer_event(event, context, environment)
    finally:
        if watchdog is not None:
            watchdog.end()

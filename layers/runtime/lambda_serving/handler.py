"""The handler of every function: ``lambda_serving.handler.lambda_handler``.

The only module with work at import: importing it is the cold start.
"""

from __future__ import annotations

import gc

# Nearly all that a cold start makes stays: looking for garbage in it takes 3 % of the time.
gc.disable()

from typing import Any  # noqa: E402

from lambda_serving.environment.bootstrap import start_environment  # noqa: E402
from lambda_serving.events.event_sources import find_event_source, prepare  # noqa: E402
from lambda_serving.telemetry.logs import begin_invocation  # noqa: E402

environment = start_environment()
if environment.runtime.starts_ahead:
    prepare(environment)
if not environment.runtime.is_snapshot:  # which does so at its own time
    gc.freeze()  # nor is it looked at again during requests
gc.enable()


def lambda_handler(event: Any, context: Any) -> Any:
    """Serve one event: API Gateway, ALB, function URL, direct invoke or a warm-up.

    Raises:
        Exception: on a direct invoke, named by the class in the error table, its message the
            JSON body of the error.
    """
    begin_invocation(context.aws_request_id)
    environment.follow(lambda: context.get_remaining_time_in_millis() / 1000)
    return find_event_source(event).answer_event(event, context, environment)

"""The event source of HTTP requests: API Gateway v2 and v1, ALB and function URLs, by Mangum.

Mangum is imported at the first HTTP event.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from lambda_serving.environment.environment import Environment
from lambda_serving.errors import ResultTooLargeError, ServingError, report_error
from lambda_serving.messages.encoding import measure_answer
from lambda_serving.messages.request import CURRENT, Request, choose_id, enter_request
from lambda_serving.messages.responses import VERSION_HEADER, answer_error
from lambda_serving.settings.runtime import PAYLOAD_LIMIT


def infer(event: Any) -> bool:
    """Recognise an event by the keys of its ``requestContext`` (AWS's event references)."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return False
    return "http" in context or "elb" in context or ("resource" in event and "httpMethod" in event)


def answer_event(event: Any, context: Any, environment: Environment) -> Any:
    """Serve an HTTP event. Errors are answers too, in the format of the event's sender."""
    given = event["requestContext"].get("requestId")
    request_id = choose_id(given, context.aws_request_id)
    enter_request(Request({}, request_id))  # log lines have its id from here on
    find_source, serve = make_adapter(environment)
    source = find_source(event)
    try:
        scope, body = source.read(event, context)
        answer: dict[str, Any] = source.write(serve(scope, body, request_id))
        size = measure_answer(answer)
        if size > PAYLOAD_LIMIT:
            raise ResultTooLargeError(f"the answer has {size} bytes, the limit is {PAYLOAD_LIMIT}")
        return answer
    except Exception as error:  # noqa: BLE001  (the edge: logged, and answered by the table)
        from lambda_serving.messages.asgi import make_messages

        failure = report_error(error, request_id)
        count_error(failure, request_id, environment)
        return source.write(make_messages(answer_error(failure, request_id), request_id))


def count_error(error: ServingError, request_id: str, environment: Environment) -> None:
    """Count an error that occurred outside of the application."""
    served = CURRENT.latest.metrics
    if served is not None:  # the request's metrics are written already
        error.headers[VERSION_HEADER] = served.version
        environment.telemetry.statistics.record_apart(request_id, served.version, error)
        return
    with environment.measure_request(request_id) as metrics:
        metrics.record_error(error.type, error.status)


@cache
def make_adapter(environment: Environment) -> tuple[Any, Any]:
    """Two functions: find an event's sender, and serve by the HTTP routes."""
    from lambda_serving.events.app import App
    from lambda_serving.events.http_sources import make_sources, run_app

    return make_sources(), partial(run_app, App(environment))

"""HTTP events: API Gateway v2 and v1, ALB and function URLs, all through Mangum's event sources.

They are imported at the first HTTP event.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambda_serving.encoding import decode_base64, measure_payload
from lambda_serving.environment import Environment
from lambda_serving.errors import MalformedBodyError, ResultTooLargeError, report_error
from lambda_serving.request import Request, enter_request, find_latest
from lambda_serving.responses import VERSION_HEADER
from lambda_serving.settings import PAYLOAD_LIMIT


def infer(event: Any) -> bool:
    """Told by ``requestContext``, as each source fills it (AWS's event references)."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return False
    return "http" in context or "elb" in context or ("resource" in event and "httpMethod" in event)


def answer_event(event: Any, context: Any, environment: Environment) -> Any:
    """Serve an HTTP event; errors are answers here."""
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    enter_request(Request({}, request_id))  # in the log, from here on
    adapter, refuse = make_adapter(environment)
    try:
        event = decode_event(event)
    except MalformedBodyError as error:
        with environment.record(request_id) as record:
            record.note_error(error.type, error.status)
        return refuse(error, request_id)(event | {"body": "", "isBase64Encoded": False}, context)
    answer: dict[str, Any] = adapter(event, context)
    size = measure_answer(answer)
    if size > PAYLOAD_LIMIT:
        too_large = ResultTooLargeError(
            f"the answer has {size} bytes, the limit is {PAYLOAD_LIMIT}"
        )
        served = find_latest().record
        if served is not None:
            too_large.headers[VERSION_HEADER] = served.version
            environment.statistics.count_error(too_large, request_id, served.version)
        return refuse(too_large, request_id)(event, context)
    return answer


@cache
def make_adapter(environment: Environment) -> tuple[Any, Any]:
    """Answers an event by the serving routes; and a maker of one that only refuses."""
    from lambda_serving.app import App, make_refusal
    from lambda_serving.entrances.sources import find_source, import_sources, run_app

    sources = import_sources()

    def wrap(app: Any) -> Any:
        return lambda event, context: run_app(app, find_source(sources, event, context))

    def refuse(error: Exception, request_id: str) -> Any:
        return wrap(make_refusal(report_error(error, request_id), request_id))

    return wrap(App(environment)), refuse


def decode_event(event: dict[str, Any]) -> dict[str, Any]:
    """Undo API Gateway's base64 strictly; Mangum would skip what is none.

    Raises:
        MalformedBodyError: the flag is set and the body is no base64.
    """
    if not event.get("isBase64Encoded"):
        return event
    return event | {"body": decode_base64(event.get("body") or ""), "isBase64Encoded": False}


def measure_answer(answer: dict[str, Any]) -> int:
    """Bytes of the Lambda payload; exact only where it may matter."""
    body = answer["body"]
    if len(body) * 6 < PAYLOAD_LIMIT:  # JSON escapes a character in six bytes at most
        return len(body)
    return measure_payload(answer)

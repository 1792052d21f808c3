"""The event source of direct invokes: the payload is a body or an envelope, the answer a result."""

from __future__ import annotations

import time
from typing import Any

from lambda_serving.environment.environment import Environment
from lambda_serving.errors import report_error
from lambda_serving.messages.envelope import find_envelope, make_answer, read_request
from lambda_serving.messages.request import Request, choose_id, enter_request
from lambda_serving.messages.responses import name_error, raise_to_lambda


def answer_event(event: Any, context: Any, environment: Environment) -> Any:
    """Serve a direct invoke.

    Raises:
        Exception: named by the class in the error table; see ``raise_to_lambda``.
    """
    envelope = find_envelope(event)
    request_id = choose_id(envelope.get("request_id"), context.aws_request_id)
    enter_request(Request({}, request_id))  # log lines have its id from here on
    try:
        if envelope.get("answer") == "metadata":
            return environment.versions.describe()
        deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000
        with environment.measure_request(request_id) as metrics:
            version = envelope.get("version")
            environment.versions.expect(metrics, None if version is None else str(version))
            request = read_request(event, request_id, deadline, environment.runtime, metrics)
            result = environment.serve(request)
            answer = make_answer(result, request.wants_whole_answer, metrics.version)
            if request.wants_whole_answer and answer["serving"]["status"] >= 400:
                metrics.record_error(name_error(result), answer["serving"]["status"])
            return answer
    except Exception as error:  # noqa: BLE001  (the edge: logged, and raised under its own name)
        raise_to_lambda(report_error(error, request_id), request_id)

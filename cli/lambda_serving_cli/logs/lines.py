"""Lines of the runtime and of user code: JSON objects of logging, EMF records of requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lambda_serving_cli.files.content import parse_json
from lambda_serving_cli.logs.entry import COLD, ERROR, PRINT, REQUEST, Line
from lambda_serving_cli.logs.platform import read_number
from lambda_serving_cli.logs.tracebacks import shorten_traceback
from lambda_serving_cli.statistics.report import name_time

OWN = frozenset(
    "level location message timestamp service function_name function_memory_size cold_start"
    " function_request_id request_id xray_trace_id exception exception_name stack_trace stacks"
    " error_type status stage logger log_level requestId stackTrace errorType errorMessage".split()
)
"""Keys of a line that are no `extra` of the user's."""

SEE_LOG = re.compile(r"; the log has the\s+traceback( under this request id)?")


def describe_line(found: Mapping[str, Any]) -> Iterator[Line]:
    """A line of logging as the runtime writes it, or of Lambda's runtime client."""
    if is_told_already(found):
        return
    details = find_details(found)
    level = found.get("level", found.get("log_level"))
    level = level if isinstance(level, str) else PRINT
    is_error = bool(details) or "error_type" in found or level in (ERROR, "CRITICAL")
    yield Line(level, describe_message(found, bool(details)), is_error, details)


def is_told_already(found: Mapping[str, Any]) -> bool:
    """Whether it is the runtime client's line of an error that the runtime has logged before."""
    text = found.get("errorMessage")
    return "stackTrace" in found and "message" not in found and is_own_error(text)


def is_own_error(text: object) -> bool:
    """Whether an error's message is the body of our own error answers."""
    body = parse_json(text) if isinstance(text, str) else None
    return isinstance(body, dict) and {"detail", "type", "stage", "request_id"} <= body.keys()


def find_details(found: Mapping[str, Any]) -> str:
    """The traceback of a line, once; or the stacks of all threads."""
    for key in ("exception", "stacks"):
        if isinstance(found.get(key), str):
            return shorten_traceback(found[key])
    trace = found.get("stackTrace")
    if isinstance(trace, list) and trace:
        return "Traceback (most recent call last):\n" + "".join(map(str, trace)).rstrip()
    return str(trace).rstrip() if isinstance(trace, str) else ""


def describe_message(found: Mapping[str, Any], has_details: bool) -> str:
    """The message of a line, and what the user gave it as `extra`."""
    message = found.get("message")
    if message is None and "errorType" in found:
        message = f"{found['errorType']}: {found.get('errorMessage', '')}"
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    text = text.removesuffix(f" (request {found.get('request_id')})")
    if has_details:
        text = SEE_LOG.sub("", text)
    more = (f" {key}={_show(value)}" for key, value in found.items() if key not in OWN)
    return text + "".join(more)


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def describe_record(record: Mapping[str, Any]) -> Iterator[Line]:
    """A request's record. Parts split off it, and counts of other things, tell nothing."""
    load, version = read_number(record.get("ModelLoad")), record.get("Version")
    if load is not None:
        yield Line(COLD, f"version {version} loaded in {name_time(load)}")
    if "request_id" not in record or not ("Latency" in record or "Errors" in record):
        return
    took, error = read_number(record.get("Latency")), record.get("ErrorType")
    within = "" if took is None else f" in {name_time(took)}"
    status = "ok" if error is None else f"{record.get('ErrorStatus', 'failed:')} {error}"
    start = "cold" if "ColdStart" in record else "warm"
    text = f"{status}{within}, version {version}, {start}, request {record['request_id']}"
    yield Line(REQUEST, text, error is not None)

"""Log lines: JSON objects on standard output, formatted by Powertools for AWS Lambda.

Powertools is imported at the first log record, since its import takes a third of the time that
NumPy's takes (docs/decisions/0011-logs-and-traces.md). User code that logs with
``logging.getLogger(__name__)`` gets the same lines.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from lambda_serving.messages.request import find_request
from lambda_serving.redaction import redact_secrets, shorten
from lambda_serving.settings.runtime import Runtime

if TYPE_CHECKING:
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    from lambda_serving.telemetry.output import Output

logger = logging.getLogger("lambda_serving")

LONGEST_TEXT = 32_000
"""Characters of a message or a traceback."""

LONGEST_LINE = 200_000
"""Characters. CloudWatch took 256 KB as one log event for long, and Lambda cuts longer lines."""

LEVELS = logging.getLevelNamesMapping() | {"TRACE": logging.DEBUG}
"""Names of levels; TRACE is one of Lambda's own (AWS Lambda, "Log-level filtering")."""

_output: Output | None = None
"""Under Lambda's runtime client."""

_invocation = ""
_invocations = 0


def write_line(line: bytes) -> None:
    """Write a line, its end included, to standard output."""
    if _output is not None:
        _output.write_line(line)
        return
    sys.stdout.write(line.decode())
    sys.stdout.flush()


def set_up_logs(runtime: Runtime, find_service: Callable[[], str]) -> None:
    """Replace the root logger's handler, which Lambda's runtime client has set.

    Outside of Lambda, logging is not changed. ``find_service`` returns the endpoint's name. It is
    called at the first record.
    """
    global _output, _invocation, _invocations
    _invocation, _invocations = "", 0
    if runtime.has_client and _output is None:
        from lambda_serving.telemetry.output import Output

        _output = Output()
    if not runtime.function_name:
        return
    root = logging.getLogger()
    for handler in root.handlers[:]:
        # Other handlers stay, such as those of an observability layer.
        if isinstance(handler, LogHandler) or type(handler).__module__.startswith("awslambdaric"):
            root.removeHandler(handler)
    root.addHandler(LogHandler(runtime, find_service))
    level = LEVELS.get(runtime.log_level.upper())
    root.setLevel(logging.INFO if level is None else level)
    if level is None:
        told = "the log level: expected one of %s, got %r; it is INFO"
        logger.warning(told, ", ".join(LEVELS), runtime.log_level)


def begin_invocation(function_request_id: str) -> None:
    """Set the request id of Lambda's own for the log lines of an invocation."""
    global _invocation, _invocations
    _invocation = function_request_id
    _invocations += 1


def import_formatter() -> type[LambdaPowertoolsFormatter]:
    """Import Powertools now, so that the first record need not wait for it."""
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    return LambdaPowertoolsFormatter


class LogHandler(logging.Handler):
    """Writes each record as one line without secrets, even if it cannot be formatted."""

    def __init__(self, runtime: Runtime, find_service: Callable[[], str]) -> None:
        super().__init__()
        self._runtime = runtime
        self._find_service = find_service

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle a record without logging's lock, since a line is written at once.

        If the lock were held while Powertools is imported, another thread that imports Powertools
        and logs would deadlock.
        """
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            try:
                line = self._format(record)
            except Exception as error:  # noqa: BLE001  (user's values; told in the line itself)
                line = format_plainly(record, error)
            write_line(f"{redact_secrets(line)}\n".encode())
        except Exception:  # noqa: BLE001  (as each of logging's own handlers does)
            self.handleError(record)

    def _format(self, record: logging.LogRecord) -> str:
        own = {
            "cold_start": _invocations < 2,
            "function_request_id": _invocation or None,
            "request_id": find_request().request_id,
        }
        told = logging.makeLogRecord(own | vars(record))
        told.taskName = None  # Powertools would write it as a key of the user's own
        return self._formatter.format(told)

    @cached_property
    def _formatter(self) -> LambdaPowertoolsFormatter:
        return import_formatter()(
            json_serializer=encode_line,  # type: ignore[arg-type]  # a dict by another name
            serialize_stacktrace=False,  # `exception` has it already
            # Lambda's log filter takes lines with other time formats for INFO.
            utc=True,
            use_rfc3339=True,
            service=self._find_service(),
            function_name=self._runtime.function_name,
            function_memory_size=self._runtime.memory_mb,
        )


def encode_line(line: dict[str, Any]) -> str:
    """Encode one line as JSON. Values that JSON lacks become text; long texts are cut."""
    for key, value in line.items():
        if type(value) is str and len(value) > LONGEST_TEXT:
            line[key] = shorten_lines(value)
    encoded = _encode(line)
    if len(encoded) <= LONGEST_LINE:
        return encoded
    texts = {key: value if type(value) is str else _show(value) for key, value in line.items()}
    return _encode(texts)


def _encode(line: dict[str, Any]) -> str:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    try:
        return orjson.dumps(line, default=_show, option=options).decode()
    except orjson.JSONEncodeError:  # integers over 64 bits, text that is not valid Unicode
        text = json.dumps(line, default=_show)
        return json.dumps(json.loads(text, parse_constant=lambda name: None))  # NaN is no JSON


def _show(value: object) -> str:
    return shorten(str(value))


def shorten_lines(text: str) -> str:
    """A text of many lines, such as a traceback: each is cut, and the middle left out."""
    text = "\n".join(map(shorten, text.split("\n")))
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    end = text[-half:].partition("\n")[2]  # whole lines: no part of a secret stays at the cut
    return f"{shorten(text, half)}\n{end}"


def write_plainly(message: str, **more: Any) -> None:
    """Write an error's line without importing anything, from any thread."""
    record = logging.makeLogRecord({"levelname": "ERROR", "msg": message, "funcName": "watchdog"})
    write_line(f"{redact_secrets(encode_line(describe_plainly(record) | more))}\n".encode())


def find_output() -> int:
    """File descriptor of our lines."""
    return 1 if _output is None else _output.fileno()


def format_plainly(record: logging.LogRecord, error: Exception) -> str:
    """Format a record that Powertools cannot format: text, traceback, and the reason."""
    line = describe_plainly(record) | {"logging_error": f"{type(error).__name__}: {error}"}
    if record.exc_info:
        line["exception"] = logging.Formatter().formatException(record.exc_info)
    return encode_line(line)


def describe_plainly(record: logging.LogRecord) -> dict[str, Any]:
    """A record's line without Powertools: what all lines have."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  (arguments that do not fit: they are shown)
        message = f"{record.msg!r} with {record.args!r}"
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return {
        "level": record.levelname,
        "location": f"{record.funcName}:{record.lineno}",
        "message": message,
        "timestamp": f"{seconds}.{int(record.msecs):03}+00:00",
        "function_request_id": _invocation,
        "request_id": find_request().request_id,
    }

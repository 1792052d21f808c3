"""What Lambda itself writes to a function's log, as JSON or as text.

Sources: AWS Lambda developer guide, "Telemetry API event schema reference" (the log holds the same
objects where its format is JSON), and "Viewing logs" for the lines of text, which the local cloud
writes too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambda_serving_cli.logs.entry import COLD, ERROR, REQUEST, WARNING, Line
from lambda_serving_cli.statistics.report import name_time

MOST = 1e12
"""No figure of a line is greater."""

SUCCESS = "success"
OUT_OF_MEMORY = "Runtime.OutOfMemory"

_TEXT = re.compile(
    r"START RequestId: |END RequestId: |REPORT RequestId: |INIT_START |INIT_REPORT "
    r"|RESTORE_START |RESTORE_REPORT |XRAY TraceId: |EXTENSION\t|LOGS\t"
)


@dataclass(frozen=True)
class Report:
    """The end of an invocation; times in milliseconds, memory in MB. None is not told."""

    request_id: str
    """Lambda's own."""
    milliseconds: float | None
    init: float | None
    """Of a cold start."""
    memory: float | None
    used: float | None
    """The most that the environment has used so far."""
    status: str
    """"success"; "failure" of the function; "error" of the process; "timeout"."""
    error_type: str

    @property
    def cause(self) -> str:
        """What ended the environment, in words; "" where it goes on."""
        if self.status == "timeout":
            return "timed out"
        if self.status != "error":
            return ""
        is_full = self.memory is not None and self.used is not None and self.used >= self.memory
        if is_full or self.error_type == OUT_OF_MEMORY:
            return "ran out of memory"
        return f"crashed ({self.error_type or 'no reason is told'})"


def is_platform_text(message: str) -> bool:
    """Whether Lambda itself wrote a line of text."""
    return _TEXT.match(message) is not None


def is_platform_object(found: Mapping[str, Any]) -> bool:
    """Whether Lambda itself wrote an object."""
    kind = found.get("type")
    return isinstance(kind, str) and kind.startswith("platform.")


def read_report(message: str, found: Mapping[str, Any] | None) -> Report | None:
    """The report that a line is; `found` is its object, where it is JSON."""
    if found is None:
        return _read_text(message) if message.startswith("REPORT RequestId: ") else None
    record = found.get("record")
    if found.get("type") != "platform.report" or not isinstance(record, dict):
        return None
    metrics = record.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    return Report(
        str(record.get("requestId", "")),
        read_number(metrics.get("durationMs")),
        read_number(metrics.get("initDurationMs")),
        read_number(metrics.get("memorySizeMB")),
        read_number(metrics.get("maxMemoryUsedMB")),
        str(record.get("status", SUCCESS)),
        str(record.get("errorType", "")),
    )


def _read_text(message: str) -> Report:
    fields = _read_fields(message)

    def read(name: str) -> float | None:
        return read_number(fields.get(name, "").partition(" ")[0])

    return Report(
        fields.get("REPORT RequestId", ""),
        read("Duration"),
        read("Init Duration"),
        read("Memory Size"),
        read("Max Memory Used"),
        fields.get("Status", SUCCESS),
        fields.get("Error Type", ""),
    )


def _read_fields(message: str) -> dict[str, str]:
    """`Name: value` between tabs, as its lines of text have them."""
    fields = (part.partition(": ") for part in message.split("\t"))
    return {name.strip(): value.strip() for name, colon, value in fields if colon}


def read_number(value: object) -> float | None:
    """A figure of a line, which may hold anything."""
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < MOST else None


def describe_report(report: Report, is_recorded: bool) -> Iterator[Line]:
    """What the end of an invocation tells beside the request's own record, if there was one."""
    used = ""
    if report.used and report.memory:
        used = f", {report.used:,.0f} of {report.memory:,.0f} MB used"
    took = "" if report.milliseconds is None else f" after {name_time(report.milliseconds)}"
    if report.init:
        yield Line(COLD, f"INIT took {name_time(report.init)}{used}")
    if report.cause:
        yield Line(
            ERROR, f"{report.cause}{took}{used}, Lambda request {report.request_id}", is_error=True
        )
    elif not is_recorded:
        is_failure = report.status != SUCCESS
        took = took.replace(" after ", " in ")
        start = "cold" if report.init else "warm"
        text = f"{'failed' if is_failure else 'ok'}{took}, not recorded"
        text += f", {start}, Lambda request {report.request_id}"
        yield Line(REQUEST, text, is_error=is_failure)


def describe_platform(found: Mapping[str, Any]) -> Iterator[Line]:
    """What Lambda tells of an environment: its start, its failures. Reports are read apart."""
    record, kind = found.get("record"), found["type"].removeprefix("platform.")
    if not isinstance(record, dict):
        record = {"text": record}
    status, metrics = record.get("status", SUCCESS), record.get("metrics")
    milliseconds = read_number(metrics.get("durationMs")) if isinstance(metrics, dict) else None
    took = "" if milliseconds is None else f" after {name_time(milliseconds)}"
    if kind == "initStart":
        how, version = record.get("initializationType"), record.get("functionVersion")
        yield Line(COLD, f"an environment starts: {how}, version {version} of the function")
    elif kind == "restoreReport" and status == SUCCESS:
        yield Line(COLD, f"restored from a snapshot{took}")
    elif kind in ("initReport", "initRuntimeDone", "restoreReport") and status != SUCCESS:
        what = "the restore from a snapshot" if kind == "restoreReport" else "INIT"
        about = f" ({record['errorType']})" if "errorType" in record else ""
        yield Line(ERROR, f"{what} ended with {status}{about}{took}", is_error=True)
    elif kind == "fault":
        yield Line(ERROR, str(record.get("text")), is_error=True)
    elif kind == "logsDropped":
        yield Line(WARNING, f"lines are missing here: {record.get('reason')}")


def describe_text(message: str) -> Iterator[Line]:
    """The same of lines of text."""
    fields = _read_fields(message)
    if message.startswith("INIT_START "):
        yield Line(COLD, "an environment starts")
    elif message.startswith("RESTORE_REPORT ") and "Status" not in fields:
        yield Line(COLD, f"restored from a snapshot after {fields.get('Restore Duration')}")
    elif message.startswith(("INIT_REPORT ", "RESTORE_REPORT ")) and "Status" in fields:
        about = f" ({fields['Error Type']})" if "Error Type" in fields else ""
        what = "INIT" if message.startswith("INIT") else "the restore from a snapshot"
        yield Line(ERROR, f"{what} ended with {fields['Status']}{about}", is_error=True)

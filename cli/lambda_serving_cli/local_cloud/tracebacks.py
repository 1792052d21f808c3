"""Why a function failed, as its log tells it."""

from __future__ import annotations

from lambda_serving_cli.logs.reader import parse_object
from lambda_serving_cli.logs.tracebacks import shorten_traceback

MARK = "Traceback (most recent call last)"
CAUSED = "\n\nThe above exception was the direct cause of the following exception:"
"""Between the error of the user's code and the one that the runtime makes of it."""

MOST_LINES = 20
"""Of a traceback: its first line and its last ones are shown."""


def find_traceback(function: str, since: float) -> str:
    """The last traceback that a function has logged since then; "" where there is none."""
    import boto3

    client = boto3.client("logs")
    group = f"/aws/lambda/{function}"
    try:
        events = client.filter_log_events(
            logGroupName=group, startTime=round(since * 1000), limit=1000
        )["events"]
    except client.exceptions.ResourceNotFoundException:
        return ""
    found = [text for event in events if MARK in (text := read_text(event.get("message", "")))]
    return cut(shorten_traceback(found[-1])) if found else ""


def read_text(message: str) -> str:
    """The traceback of a line of JSON, or the text of any other line."""
    line = parse_object(message)
    return message if line is None else str(line.get("exception") or line.get("message") or "")


def cut(traceback: str) -> str:
    """At most MOST_LINES lines of the first cause: what was raised stands at the end."""
    lines = traceback.partition(CAUSED)[0].rstrip().splitlines()
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    left_out = f"  ... {len(lines) - MOST_LINES + 1} lines ..."
    return "\n".join([lines[0], left_out, *lines[-MOST_LINES + 2 :]])

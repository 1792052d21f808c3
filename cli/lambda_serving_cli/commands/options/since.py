"""The option `--since`: how far back a command looks."""

import re
from datetime import UTC, datetime, timedelta

from lambda_serving_cli.terminal.errors import CommandError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

SINCE_HELP = "How far back: 15m, 2h, 1d, or from an ISO time on."


def read_since(text: str, now: datetime) -> datetime:
    """When "15m", "2h" or "1d" ago was, or an ISO time; one without an offset is local time.

    Raises:
        CommandError: it is neither, or it lies ahead.
    """
    advice = "write --since 15m, 2h, 1d or 2026-01-31T08:00"
    try:
        if span := re.fullmatch(r"(\d+)\s*([smhdw])", text.strip()):
            begin = now - timedelta(**{UNITS[span[2]]: int(span[1])})
        else:
            begin = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise CommandError(f"--since: {text!r} is no time", advice=advice) from error
    if begin > now:
        raise CommandError(f"--since: {text!r} lies ahead", advice=advice)
    # CloudWatch knows no times before that.
    return max(begin, datetime.fromtimestamp(0, UTC).astimezone())

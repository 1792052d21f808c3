"""Lines of a log as Lambda and the runtime write them, and what `lambda-serving logs` prints."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.functional.aws_commands import run

NOW = int(time.time() * 1000) - 60_000
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"


def tell_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def read(folder: Path, url: str, *options: str) -> list[str]:
    """The lines that the command prints, without their times."""
    done = run(folder, url, "logs", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [re.sub(f"^{TIME} ", "", line) for line in done.stdout.splitlines()]


def tell(kind: str, time: int = NOW, **record: Any) -> str:
    """A line of Lambda itself."""
    return json.dumps({"time": tell_time(time), "type": f"platform.{kind}", "record": record})


def report(request_id: str, status: str = "success", error: str = "", **metrics: float) -> str:
    more = {"errorType": error} if error else {}
    told = {"durationMs": 12.5, "memorySizeMB": 1769, "maxMemoryUsedMB": 230} | metrics
    return tell("report", requestId=request_id, status=status, metrics=told, **more)


def make_line(message: str, time: int, **more: Any) -> str:
    told = {"level": "INFO", "message": message, "timestamp": tell_time(time), "request_id": "r"}
    return json.dumps(told | more)

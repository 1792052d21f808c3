"""The log lines that a function has written."""

import json
from typing import Any, NoReturn

from tests.servers.lambda_process import LambdaProcess


def find_lines(process: LambdaProcess, **values: Any) -> list[dict[str, Any]]:
    """Our log lines, no statistics, that have these values; every line must be JSON, or empty.

    One of ours begins a line where the process wrote anything else, bytecode or a model to /tmp
    among it.
    """
    lines = [
        json.loads(line, parse_constant=refuse) for line in process.read_log().splitlines() if line
    ]
    return [
        line
        for line in lines
        if "message" in line and all(line.get(key) == value for key, value in values.items())
    ]


def find_line(process: LambdaProcess, message: Any) -> dict[str, Any]:
    (line,) = find_lines(process, message=message)
    return line


def refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")

"""What `invoke` sends: the body and its type, from the command line, a file or standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import typer

from lambda_serving_cli.aws.deployed import BYTES, JSON
from lambda_serving_cli.terminal.errors import CommandError


def read_body(data: str, content_type: str | None) -> tuple[bytes, str]:
    """The body and its content type: JSON where it is an object, else bytes, unless it is told.

    `data` is the body itself, `@file`, or `-` for standard input.

    Raises:
        typer.BadParameter: a body on the command line is no JSON, and no other type is told.
        CommandError: the file cannot be read.
    """
    if data == "-":
        body = sys.stdin.buffer.read()
    elif data.startswith("@"):
        body = _read_file(Path(data[1:]))
    else:
        body = data.encode()
        if content_type is None and not _is_object(body):
            raise typer.BadParameter(
                f"no JSON object: {data!r:.80}; @file sends a file, --content-type another body",
                param_hint="--data",
            )
    return body, content_type or (JSON if _is_object(body) else BYTES)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def _is_object(body: bytes) -> bool:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict)

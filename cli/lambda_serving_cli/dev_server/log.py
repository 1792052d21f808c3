"""What the dev server prints: short lines, and of a failure the user's own part."""

import logging
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from lambda_serving.errors import (
    InternalError,
    MissingLibraryError,
    ModelFetchError,
    ModelVerificationError,
    ServingError,
    SettingsError,
)
from lambda_serving_cli.terminal.controls import escape_controls

OURS = tuple(
    str(Path(str(import_module(name).__file__)).parent)
    for name in ("lambda_serving", "lambda_serving_cli", "importlib")
) + ("<frozen importlib",)
"""Where the code is that stands between a request and the user's own."""

TOLD_IN_FULL = (SettingsError, ModelFetchError, ModelVerificationError, MissingLibraryError)
"""Errors whose one line says all; no user code is in them."""


class DevFormatter(logging.Formatter):
    """Shows a traceback from the user's code on, and none where there is no user code in it.

    What a client sent may be in any line, and this is a terminal.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        # exc_text is the record's cache, which other handlers would show.
        record.exc_text = None
        return escape_controls(super().format(record).rstrip())

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's name)
        error = ei[1]
        if isinstance(error, ServingError) and not isinstance(error, InternalError):
            if isinstance(error, TOLD_IN_FULL) or error.__cause__ is None:
                return ""
            error = error.__cause__
        lines = traceback.format_exception(type(error), error, skip_ours(error.__traceback__))
        return "".join(lines)


def skip_ours(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from the first frame on that is neither this project's nor an import's."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS):
        trace = trace.tb_next
    return trace


def set_up_logging() -> None:
    """Everything at INFO and above, uvicorn's and the user's own messages included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DevFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # It tells each start and stop, which the lines of the endpoints do better.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)

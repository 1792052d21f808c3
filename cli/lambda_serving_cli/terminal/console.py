"""Rich's console for text of others."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from lambda_serving_cli.terminal.controls import escape_controls


class PlainConsole(Console):
    """Prints no control characters but Rich's own, which leaves ESC in text as it is."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*map(_escape, objects), **options)


def _escape(value: Any) -> Any:
    if isinstance(value, Text):
        value.plain = escape_controls(value.plain)
    return escape_controls(value) if isinstance(value, str) else value

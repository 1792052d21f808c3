"""What commands write: text and JSON to stdout, remarks to stderr."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from datetime import datetime
from textwrap import wrap
from typing import IO, TYPE_CHECKING, Any

from lambda_serving_cli.terminal.controls import escape_controls, escape_json

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED = 100_000
"""Columns where the output is no terminal: programs find a row in one line."""

NARROWEST = 40
"""Columns that text has at least: a terminal with fewer wraps it by itself."""


def keep_stdout_clean(as_json: bool) -> AbstractContextManager[object]:
    """Send what is written meanwhile to stderr, where stdout is for JSON alone."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def write_line(text: str = "") -> None:
    """A line of text, or several."""
    sys.stdout.write(f"{escape_controls(text)}\n")
    sys.stdout.flush()


def write_text(text: str) -> None:
    """Prose, broken between words where it is wider than the terminal."""
    print_wrapped(make_console(sys.stdout), text)


def write_json(value: object) -> None:
    """The machine-readable answer of a command, all that it writes to stdout."""
    write_line(escape_json(json.dumps(value, indent=2, ensure_ascii=False, default=_make_plain)))


def _make_plain(value: Any) -> Any:
    """Times in ISO 8601; objects as they describe themselves, or by their fields."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value.as_dict() if hasattr(value, "as_dict") else vars(value)


def write_fields(fields: Iterable[tuple[str, str]], console: Console | None = None) -> None:
    """A line for each label and its text, which goes on below itself where it is too wide."""
    console = console or make_console(sys.stdout)
    rows = list(fields)
    widest = max(len(label) for label, _ in rows)
    for label, text in rows:
        print_wrapped(console, text, f"  {label:<{widest}}  ")


def print_wrapped(console: Console, text: str, head: str = "", style: str = "") -> None:
    """Print text, broken between words where it is too wide; it goes on below its beginning."""
    from rich.text import Text

    for index, line in enumerate(break_text(text, console.width - len(head))):
        start = " " * len(head) if index else head
        console.print(Text(f"{start}{line}".rstrip(), style), soft_wrap=True)


def break_text(text: str, width: int) -> list[str]:
    """Lines of whole words; a `command`, and a word that is wider, stay whole to be copied."""
    # Rich would break a path that is wider than the terminal, or cut it off.
    shown = escape_controls(text)
    glued = re.sub(r"`[^`]+`", lambda command: command[0].replace(" ", "\0"), shown)
    room = max(NARROWEST, width)
    lines = wrap(glued, room, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def remark(text: str, is_prose: bool = True) -> None:
    """Something a person may want to know; prose is broken between words on a terminal."""
    text = escape_controls(text)
    if is_prose and sys.stderr.isatty():
        console = make_console(sys.stderr)
        for line in text.split("\n"):
            words = line.lstrip()
            print_wrapped(console, words, line[: len(line) - len(words)])
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def make_console(file: IO[str]) -> Console:
    """Width and colours of a terminal; anything else gets plain text in lines of any length.

    What the file's encoding lacks comes out as `?`.
    """
    from lambda_serving_cli.terminal.console import PlainConsole

    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="replace")
    plain: dict[str, Any] = {} if file.isatty() else {"width": UNLIMITED, "color_system": None}
    return PlainConsole(
        file=file,
        force_terminal=file.isatty(),
        highlight=False,
        markup=False,
        emoji=False,
        **plain,
    )


def count_things(number: int, name: str) -> str:
    """`1 file`, `1,200 files`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def format_size(size: int) -> str:
    """Bytes as a person reads them, "1.2 MB"."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" else f"{value:.1f} {units[0]}"

"""What commands write: text and JSON to stdout, remarks to stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from textwrap import wrap
from typing import IO, TYPE_CHECKING, Any

from lambda_serving_cli.terminal.controls import escape_controls, escape_json

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED = 100_000
"""Columns where the output is no terminal: programs find a row in one line."""

NARROWEST = 40
"""Columns that text has at least: a terminal with fewer wraps it by itself."""


@contextmanager
def keep_stdout_clean(as_json: bool) -> Iterator[None]:
    """Send what is written meanwhile to stderr, where stdout is for JSON alone."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield


def write_line(text: str = "") -> None:
    """A line of text, or several."""
    sys.stdout.write(f"{escape_controls(text)}\n")
    sys.stdout.flush()


def write_text(text: str) -> None:
    """Prose, broken between words where it is wider than the terminal."""
    print_wrapped(make_console(sys.stdout), text)


def write_json(value: object, default: Callable[[Any], Any] | None = None) -> None:
    """The machine-readable answer of a command, all that it writes to stdout."""
    write_line(escape_json(json.dumps(value, indent=2, ensure_ascii=False, default=default)))


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

    room = max(NARROWEST, console.width - len(head))
    # Rich would break a word that is wider than the terminal, such as a path, or cut it off.
    lines = wrap(escape_controls(text), room, break_long_words=False, break_on_hyphens=False)
    for index, line in enumerate(lines or [""]):
        start = " " * len(head) if index else head
        console.print(Text(f"{start}{line}".rstrip(), style), soft_wrap=True)


def remark(text: str) -> None:
    """Something a person may want to know."""
    sys.stderr.write(f"{escape_controls(text)}\n")
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


def format_size(size: int) -> str:
    """Bytes as a person reads them, "1.2 MB"."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" else f"{value:.1f} {units[0]}"

"""How commands tell: tables and JSON on stdout; progress, remarks and failures on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WIDE = 200
"""Columns where the output is no terminal, so that programs find a row in one line."""


@contextmanager
def keep_stdout_clean(as_json: bool) -> Iterator[None]:
    """What is told meanwhile goes to stderr, where stdout is for JSON alone."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield


def write_json(value: object) -> None:
    """The machine-readable answer of a command, all that it writes to stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def write_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of text under their heads; what does not fit goes on in the next line."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _make_console(sys.stdout).print(table)


def remark(text: str) -> None:
    """Something a person may want to know."""
    typer.echo(text, err=True)


def format_size(size: int) -> str:
    """Bytes as a person reads them, "1.2 MB"."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" else f"{value:.1f} {units[0]}"


class ByteProgress:
    """A bar of bytes on a terminal; elsewhere one line for each stage."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._is_terminal:
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=_make_console(sys.stderr))
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, what: str, total: int) -> None:
        """A stage of `total` bytes begins."""
        if self._bar is None:
            remark(f"{what}, {format_size(total)}")
        else:
            self._bar.add_task(what, total=total)

    def advance(self, size: int) -> None:
        """Bytes of the stage are done."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[-1], size)

    def tell(self, what: str) -> None:
        """A remark above the bar."""
        if self._bar is None:
            remark(what)
        else:
            self._bar.console.print(what, markup=False, highlight=False)


def _make_console(file: IO[str]) -> Console:
    from rich.console import Console

    options: dict[str, Any] = {} if file.isatty() else {"width": WIDE}
    return Console(file=file, **options)

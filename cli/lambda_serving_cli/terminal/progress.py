"""What is under way, shown on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Self

from lambda_serving_cli.terminal.controls import escape_line
from lambda_serving_cli.terminal.output import format_size, make_console, remark

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def show_status(text: str, file: IO[str]) -> Iterator[Callable[[str], None]]:
    """Show what runs and for how long, while the body runs; yields what changes the text."""
    if not file.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=make_console(file), transient=True) as progress:
        task = progress.add_task(escape_line(text), total=None)
        yield lambda text: progress.update(task, description=escape_line(text))


class ByteProgress:
    """A bar of bytes on a terminal; elsewhere one line for each stage."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._is_terminal:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}", markup=False),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=make_console(sys.stderr),
            )
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, what: str, total: int) -> None:
        """A stage of `total` bytes begins."""
        if self._bar is None:
            remark(f"{what}, {format_size(total)}")
        else:
            self._bar.add_task(escape_line(what), total=total)

    def advance(self, size: int) -> None:
        """Bytes of the stage are done."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[-1], size)

    def tell(self, what: str) -> None:
        """A remark above the bar."""
        if self._bar is None:
            remark(what)
        else:
            self._bar.console.print(what)

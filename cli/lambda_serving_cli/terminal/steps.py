"""Steps that a person watches: what runs, for how long, and what to do when it fails."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

LOG_LINES = 25
"""Lines of a failed step's log that are shown."""

HEARTBEAT = 10.0
"""Seconds between signs of life where the output is no terminal; there it is each second."""


class StepError(Exception):
    """A step failed: why, where its log is, and what to do about it."""

    def __init__(self, reason: str, *, log: Path | None = None, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log
        self.advice = advice


@dataclass
class Step:
    """A step under way; `outcome` is what its closing line says."""

    title: str
    outcome: str = "done"
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> str:
        """Time since the start, as "3.1 s"."""
        return f"{time.monotonic() - self.started:.1f} s"


class Steps:
    """Numbers the steps and prints each one's beginning, progress and end."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._count = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run the body as the next step. A failure is reported, then raised on."""
        self._count += 1
        head = f"[{self._count}/{self._total}] {title}"
        step, ended = Step(title), threading.Event()
        ticker = threading.Thread(target=_tick, args=(head, step, ended), daemon=True)
        typer.echo(f"{head} ...", nl=not sys.stdout.isatty())
        ticker.start()
        try:
            yield step
        except BaseException:
            step.outcome = "failed"
            raise
        finally:
            ended.set()
            ticker.join()
            back = "\r\x1b[K" if sys.stdout.isatty() else ""
            typer.echo(f"{back}{head}: {step.outcome} ({step.elapsed})")


def _tick(head: str, step: Step, ended: threading.Event) -> None:
    terminal = sys.stdout.isatty()
    while not ended.wait(1.0 if terminal else HEARTBEAT):
        typer.echo(f"{'\r' * terminal}{head} ... {step.elapsed}", nl=not terminal)


def report_failure(error: StepError) -> None:
    """Print why a step failed, the last lines of its log, and what to do."""
    typer.echo(f"\nWhat went wrong: {error.reason}", err=True)
    if error.log and error.log.exists():
        typer.echo(f"The last lines of {error.log}:", err=True)
        for line in error.log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
            typer.echo(f"  | {line}", err=True)
    if error.advice:
        typer.echo(f"What to do: {error.advice}", err=True)


def run_logged(
    command: Sequence[str], log: Path, *, cwd: Path, env: Mapping[str, str], advice: str
) -> None:
    """Run a command with its output in a log.

    Raises:
        StepError: it could not be started, or ended with anything but 0.
    """
    name = f"{Path(command[0]).name} {command[1]}"
    with log.open("w") as output:
        try:
            result = subprocess.run(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            raise StepError(f"{name}: {error}", advice=advice) from error
    if result.returncode:
        raise StepError(f"{name} ended with {result.returncode}", log=log, advice=advice)

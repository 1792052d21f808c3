"""The steps of a long command: what runs, and how each of them ended."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import write_line
from lambda_serving_cli.terminal.progress import show_status


@dataclass
class Step:
    """A step under way; `outcome` is what its closing line says."""

    outcome: str = "done"


class Steps:
    """Numbers the steps, shows the one that runs and writes a line at the end of each."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._count = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run the body as the next step. A failure is written, then raised on."""
        self._count += 1
        head = f"[{self._count}/{self._total}] {title}"
        step, started = Step(), time.monotonic()
        try:
            with show_status(head, sys.stdout):
                yield step
        except BaseException:
            step.outcome = "failed"
            raise
        finally:
            write_line(f"{head}: {step.outcome} ({time.monotonic() - started:.1f} s)")


def run_logged(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path,
    env: Mapping[str, str],
    advice: str,
    answer: str = "",
) -> None:
    """Run a command with its output in a log, and `answer` as its input.

    Raises:
        CommandError: it could not be started, or ended with anything but 0.
    """
    name = f"{Path(command[0]).name} {command[1]}"
    with log.open("w") as output:
        try:
            result = subprocess.run(
                command,
                cwd=cwd,
                env=env,
                input=answer,
                text=True,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            raise CommandError(f"{name}: {error}", advice=advice) from error
    if result.returncode:
        raise CommandError(f"{name} ended with {result.returncode}", log=log, advice=advice)

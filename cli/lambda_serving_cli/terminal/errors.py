"""The error that ends a command, and how it is shown."""

from pathlib import Path

from lambda_serving_cli.terminal.output import remark

LOG_LINES = 25
"""Lines of a log that are shown."""


class CommandError(Exception):
    """A command failed: why, where its log is, and what to do about it."""

    def __init__(self, reason: str, *, log: Path | None = None, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log
        self.advice = advice


def show_error(error: CommandError) -> None:
    """Write why a command failed, the last lines of its log, and what to do, to stderr."""
    remark(f"\nWhat went wrong: {error.reason}")
    if error.log and error.log.exists():
        remark(f"The last lines of {error.log}:")
        for line in error.log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
            remark(f"  | {line}", is_prose=False)
    if error.advice:
        remark(f"What to do: {error.advice}")

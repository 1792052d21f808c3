"""The command line's edge: every error ends a command with one readable message, and 1."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from typer.core import TyperGroup

from lambda_serving_cli.aws.errors import explain_aws_error
from lambda_serving_cli.terminal.errors import CommandError, show_error
from lambda_serving_cli.terminal.output import break_text, make_console, remark

DEBUG_VARIABLE = "SERVING_DEBUG"

ADVICE = {
    errno.ENOSPC: "make room on the disk, then call it again",
    errno.EDQUOT: "make room on the disk, then call it again",
    errno.EACCES: "see who may read and write it: `ls -l`",
    errno.EPERM: "see who may read and write it: `ls -l`",
    errno.EROFS: "it lies on a file system that is read-only",
    errno.EISDIR: "a folder is where a file is expected",
    errno.ENOTDIR: "a file is where a folder is expected",
    errno.EMFILE: "raise the limit of open files: `ulimit -n`",
}
"""What to do about what the system refuses."""

LONGEST_TEXT = 500
"""Characters of an unforeseen error's text that are shown."""


class Commands(TyperGroup):
    """The root of all commands; its option `--debug` shows tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named; whatever it raises is told here."""
        with tell_failures(bool(ctx.params.get("debug"))):
            return super().invoke(ctx)


@contextmanager
def tell_failures(debug: bool) -> Iterator[None]:
    """Around a command: whatever it raises is told in plain words, and ends it with 1.

    Raises:
        typer.Exit: after the report; what Typer itself understands goes on as it is.
    """
    if sys.stdout is None:  # closed by the shell: `>&-`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (it lives as long as we do)
    try:
        yield
    except typer.Abort:
        raise
    except Exception as error:  # noqa: BLE001  (the edge)
        if hasattr(error, "exit_code"):  # typer.Exit, wrong usage
            _fit_usage(error)
            raise
        _drop_stdout()
        if not isinstance(error, BrokenPipeError):  # who read the output has gone, as `head` does
            with suppress(OSError):
                if debug:
                    traces = traceback.format_exception(error)
                    remark("".join(traces).rstrip(), is_prose=False)
                show_error(explain(error))
        raise typer.Exit(1) from error


def explain(error: Exception) -> CommandError:
    """Any error as a person is told it."""
    if isinstance(error, CommandError):
        return error
    if (found := explain_aws_error(error)) is not None:
        return found
    if isinstance(error, OSError) and error.strerror:
        places = [str(name) for name in (error.filename, error.filename2) if name is not None]
        reason = ": ".join([" and ".join(places), error.strerror] if places else [error.strerror])
        return CommandError(reason, advice=ADVICE.get(error.errno or 0, ""))
    if isinstance(error, RecursionError):
        reason = "a file is nested too deeply, or refers to itself"
    elif isinstance(error, MemoryError):
        reason = "this machine's memory does not suffice"
    elif isinstance(error, UnicodeDecodeError):
        reason = f"a file is not UTF-8: {error.reason}"
    else:
        text = " ".join(str(error).split())
        if len(text) > LONGEST_TEXT:
            text = text[:LONGEST_TEXT] + " ..."
        reason = ": ".join(filter(None, [type(error).__name__, text])) + " (unforeseen)"
    advice = f"`lambda-serving --debug …`, or {DEBUG_VARIABLE}=1, shows where it happened"
    return CommandError(reason, advice=advice)


def _drop_stdout() -> None:
    """Where standard output takes no more, nothing tries it again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ValueError:
        pass  # closed


def _fit_usage(error: Any) -> None:
    """Typer prints what it says of wrong usage in one line, of any length."""
    if hasattr(error, "format_message") and sys.stderr.isatty():
        lines = break_text(f"Error: {error.format_message()}", make_console(sys.stderr).width)
        error.format_message = lambda: "\n".join(lines).removeprefix("Error: ")

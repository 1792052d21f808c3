"""What commands that edit the project print."""

from collections.abc import Callable
from contextlib import nullcontext

import typer

from lambda_serving_cli.files.content import Rewrite
from lambda_serving_cli.files.lock import edit_project
from lambda_serving_cli.project.creation import Outcome
from lambda_serving_cli.project.project import Project, find_project
from lambda_serving_cli.terminal.output import write_json, write_line, write_text


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """What a command did, and what there is to do next."""
    if as_json:
        write_json(outcome)
        return
    for verb, names in (("wrote", outcome.written), ("removed", outcome.removed)):
        for name in names:
            write_line(f"{verb:8}{name}")
    if not outcome.written and not outcome.removed:
        write_line("nothing to change: it is so already")
    for note in outcome.notes:
        write_text(f"- {note}")


def rewrite_file(plan: Callable[[Project], Rewrite], check: bool, as_json: bool) -> None:
    """Write a file that follows from the endpoints, or with `check` show what would change."""
    project = find_project()
    with nullcontext() if check else edit_project(project.root):
        rewrite = plan(project)
        is_written = not check and rewrite.apply()
    changes = rewrite.describe()
    if as_json:
        write_json({"changes": changes.splitlines(), "written": is_written})
    elif not check:
        write_line(f"{rewrite.path.name}: {'written' if is_written else 'unchanged'}")
    elif changes:
        write_line(changes.removesuffix("\n"))
    if check and changes:
        raise typer.Exit(1)

"""The command `monitoring`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.project.monitoring import describe_changes, update_monitoring
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import write_json, write_line


def monitoring(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; tell what would, and exit with 1.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write dashboards and alarms into monitoring.yaml.

    They follow from functions/*/endpoint.toml.

    Examples:

    \b
      lambda-serving monitoring
      lambda-serving monitoring --check
    """
    root = find_project().root
    changes = describe_changes(root)
    if not check:
        update_monitoring(root)
    if as_json:
        write_json({"changes": changes.splitlines(), "written": bool(changes) and not check})
    elif not check:
        write_line("monitoring.yaml: written" if changes else "monitoring.yaml: unchanged")
    elif changes:
        write_line(changes.removesuffix("\n"))
    if check and changes:
        raise typer.Exit(1)

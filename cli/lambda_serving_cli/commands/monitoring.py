"""The command `monitoring`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.monitoring.block import describe_changes, update_template
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import write_json, write_line


def monitoring(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; tell what would, and exit with 1.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write dashboard and alarms into template.yaml.

    They follow from functions/*/endpoint.toml.

    Examples:

    \b
      lambda-serving monitoring
      lambda-serving monitoring --check
    """
    root = find_project().root
    changes = describe_changes(root)
    if not check:
        update_template(root)
    if as_json:
        write_json({"changes": changes.splitlines(), "written": bool(changes) and not check})
    elif not check:
        write_line("template.yaml: rewritten" if changes else "template.yaml: unchanged")
    elif changes:
        write_line(changes.removesuffix("\n"))
    if check and changes:
        raise typer.Exit(1)

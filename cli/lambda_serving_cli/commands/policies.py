"""The command `policies`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.project.policies import describe_policies, update_policies
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import write_json, write_line


def policies(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; tell what would, and exit with 1.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write what each function may do into template.yaml.

    It follows from functions/*/endpoint.toml: the models that it names, and the endpoints that it
    calls. Commands that edit endpoint.toml do it by themselves.

    Examples:

    \b
      lambda-serving policies
      lambda-serving policies --check
    """
    project = find_project()
    changes = describe_policies(project) if check else update_policies(project)
    if as_json:
        write_json({"changes": changes.splitlines(), "written": bool(changes) and not check})
    elif not check:
        write_line("template.yaml: written" if changes else "template.yaml: unchanged")
    elif changes:
        write_line(changes.removesuffix("\n"))
    if check and changes:
        raise typer.Exit(1)

"""The command `model remove`: an endpoint of the project, or a version of the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from lambda_serving_cli.commands import model_changing as changing
from lambda_serving_cli.commands.endpoints import JsonOption, show_outcome
from lambda_serving_cli.commands.options.registry import parse_name, parse_version
from lambda_serving_cli.commands.options.where import Where, with_where
from lambda_serving_cli.project import removal
from lambda_serving_cli.project.project import check_name, check_version, find_project


@with_where
def remove(
    endpoint: Annotated[
        str | None, typer.Option(help="An endpoint of this project, with its code.")
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Project of a model of the registry.", callback=parse_name)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of that model.", callback=parse_name)
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="Of the endpoint, instead of all of it; or of the model."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the endpoint unasked.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even a model that is published, or being uploaded.")
    ] = False,
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Take a model out of the registry's index only.")
    ] = False,
    as_json: JsonOption = False,
    *,
    where: Where,
) -> None:
    """Remove an endpoint or one of its versions; or a version of a model from the registry.

    An endpoint goes from this project, and with the next deployment from the stack; its models
    stay. A model's version goes at once, out of the index first, then its files; an endpoint that
    has it loaded goes on with it. Its number is never given again.

    Examples:

        lambda-serving model remove --endpoint churn --version 2
        lambda-serving model remove --project examples --name churn --version 2
    """
    if endpoint:
        if project or name or force or keep_files:
            raise typer.BadParameter("--endpoint goes with --version and --yes alone")
        remove_endpoint(check_name(endpoint), version and check_version(version), yes, as_json)
    elif project and name and version:
        number = parse_version(version)
        changing.remove(project, name, number, force, keep_files, as_json, where=where)
    else:
        raise typer.BadParameter("give --endpoint; or --project, --name and --version")


def remove_endpoint(endpoint: str, version: str | None, yes: bool, as_json: bool) -> None:
    """Ask, then remove an endpoint of this project, or one of its versions.

    Raises:
        StepError: it is not there, or something else needs it.
        typer.Abort: the answer was no.
    """
    project = find_project()
    changes = removal.plan_removal(project, endpoint, version)
    if not yes:
        if as_json:
            raise typer.BadParameter("--json asks no questions: add --yes")
        typer.echo(removal.describe_removal(project, changes))
        typer.confirm("Go on?", abort=True)
    show_outcome(removal.remove_endpoint(project, endpoint, version), as_json)

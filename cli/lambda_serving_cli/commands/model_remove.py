"""The command `model remove`: an endpoint of the project, or a version of the registry."""

from typing import Annotated

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.parsing import check_with
from lambda_serving_cli.commands.options.registry import (
    check_model,
    check_project,
    open_bucket,
    parse_version,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.commands.outcome import show_outcome
from lambda_serving_cli.project import removal
from lambda_serving_cli.project.project import check_name, check_version, find_project
from lambda_serving_cli.registry.changes import remove_version
from lambda_serving_cli.registry.layout import Bucket, ModelName
from lambda_serving_cli.terminal.output import write_json, write_line


@with_stack_options
def remove(
    endpoint: Annotated[
        str | None,
        typer.Option(
            callback=check_with(check_name), help="An endpoint of this project, with its code."
        ),
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Project of a model of the registry.", callback=check_project)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of that model.", callback=check_model)
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            callback=check_with(check_version),
            help="Of the endpoint, instead of all of it; or of the model.",
        ),
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
    selection: StackSelection,
) -> None:
    """Remove an endpoint, or a version of it or of a model.

    An endpoint goes from this project, and with the next deployment from the stack; its models
    stay. A model's version goes at once, out of the index first, then its files; an endpoint that
    has it loaded goes on with it. Its number is never given again.

    Examples:

    \b
      lambda-serving model remove --endpoint churn --version 2
      lambda-serving model remove --project churn --name forest --version 2
    """
    if endpoint:
        if project or name or force or keep_files:
            raise typer.BadParameter("--endpoint goes with --version and --yes alone")
        remove_endpoint(endpoint, version, yes, as_json)
    elif project and name and version:
        number, model = parse_version(version), ModelName(project, name)
        remove_model(open_bucket(selection), model, number, force, keep_files, as_json)
    else:
        raise typer.BadParameter("give --endpoint; or --project, --name and --version")


def remove_endpoint(endpoint: str, version: str | None, yes: bool, as_json: bool) -> None:
    """Ask, then remove an endpoint of this project, or one of its versions.

    Raises:
        CommandError: it is not there, or something else needs it.
        typer.Abort: the answer was no.
    """
    project = find_project()
    changes = removal.plan_removal(project, endpoint, version)
    if not yes:
        if as_json:
            raise typer.BadParameter("--json asks no questions: add --yes")
        write_line(removal.describe_removal(project, changes))
        typer.confirm("Go on?", abort=True)
    show_outcome(removal.remove_endpoint(project, endpoint, version), as_json)


def remove_model(
    bucket: Bucket, model: ModelName, number: str, force: bool, keep_files: bool, as_json: bool
) -> None:
    """Remove a version of a model from the registry; the files may stay for the same again."""
    done = remove_version(bucket, model, number, force=force, keep_files=keep_files)
    if as_json:
        write_json({**vars(model), "version": done.number, "deleted": done.keys})
        return
    what = "Removed" if done.entry else "Removed what was left of"
    kept = "its files are kept" if keep_files else f"{len(done.keys)} of its files deleted"
    write_line(f"{what} version {done.number} of model {model}; {kept}.")

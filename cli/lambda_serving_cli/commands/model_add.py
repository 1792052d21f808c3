"""The command `model add`."""

from typing import Annotated, Any

import typer

from lambda_serving.settings.endpoint import DEFAULT_VERSION
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import DeployedStack, find_deployed_stack, find_optional_stack
from lambda_serving_cli.commands.options.clearml import split_commas
from lambda_serving_cli.commands.options.model import (
    EndpointOption,
    EngineOption,
    PreprocessOption,
    SampleOption,
    with_table_options,
)
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.parsing import check_with
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.commands.outcome import show_outcome
from lambda_serving_cli.project import addition
from lambda_serving_cli.project.addition import Version
from lambda_serving_cli.project.code import find_main, may_load
from lambda_serving_cli.project.project import check_version, find_project
from lambda_serving_cli.project.source import Source, find_file, find_registered


@with_stack_options
@with_table_options
def add(
    endpoint: EndpointOption,
    engine: EngineOption,
    version: Annotated[
        str | None,
        typer.Option(
            callback=check_with(check_version),
            help="A further version of an endpoint that is there; the first one is 1.",
        ),
    ] = None,
    preprocess: PreprocessOption = None,
    sample: SampleOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URI", help="A file or folder to upload, or s3://bucket/key as it is."
        ),
    ] = None,
    project: Annotated[str | None, typer.Option(help="A project of the model registry.")] = None,
    name: Annotated[str | None, typer.Option(help="A model of that project.")] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="Only versions that have all of these tags."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Only published versions.")
    ] = False,
    as_json: JsonOption = False,
    *,
    tables: dict[str, Any],
    selection: StackSelection,
) -> None:
    """Make an endpoint, or add a version to one.

    The model is a file of this machine, which goes into the stack's bucket; or the newest version
    in the model registry of --project and --name that has the --tags.

    Examples:

    \b
      lambda-serving model add --engine sklearn --endpoint churn \\
          --preprocess preprocess.py --model model.joblib
      lambda-serving model add --engine sklearn --endpoint churn --version 2 \\
          --project examples --name churn --tags tested --published
    """
    _check_source(model, project, name, bool(tags) or published)
    wanted = Version(endpoint, version, engine, preprocess, sample, tables)
    if not model and not name and engine not in addition.CUSTOM:
        _check_load(wanted)
    root = find_project()
    source: Source | None = None
    stack: DeployedStack | None = None
    if project and name:
        stack = find_deployed_stack(selection)
        source = find_registered(stack, project, name, split_commas(tags), published)
    elif model:
        source = find_file(model, endpoint, version or DEFAULT_VERSION)
        stack = find_optional_stack(selection) if source.artifact else None
    show_outcome(addition.add_version(root, wanted, source, stack), as_json)


def _check_source(
    model: str | None, project: str | None, name: str | None, is_filtered: bool
) -> None:
    """Raises typer.BadParameter unless the model is named in one way, and whole."""
    if model and (project or name):
        raise typer.BadParameter("take --model, or --project and --name, not both")
    if bool(project) != bool(name):
        raise typer.BadParameter("a model of the registry is named by --project and --name")
    if is_filtered and not name:
        raise typer.BadParameter("--tags and --published choose among versions of --name")


def _check_load(wanted: Version) -> None:
    """Raises typer.BadParameter unless the code may return a model of its own."""
    if wanted.preprocess is None or not may_load(find_main(wanted.preprocess)):
        raise typer.BadParameter(
            f"the engine {wanted.engine} needs a model: --model, or --project and --name, or a"
            " --preprocess whose load returns one"
        )

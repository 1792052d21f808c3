"""The command `model auto-update`."""

from typing import Annotated, Any

import typer

from lambda_serving_cli.commands.options.clearml import split_commas
from lambda_serving_cli.commands.options.model import (
    EndpointOption,
    EngineOption,
    PreprocessOption,
    SampleOption,
    with_table_options,
)
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.outcome import show_outcome
from lambda_serving_cli.project.addition import Version
from lambda_serving_cli.project.auto_update import enable_auto_update
from lambda_serving_cli.project.project import find_project


@with_table_options
def auto_update(
    endpoint: EndpointOption,
    engine: EngineOption,
    project: Annotated[str, typer.Option(help="A project of the model registry.")],
    name: Annotated[str, typer.Option(help="The model of that project to follow.")],
    preprocess: PreprocessOption = None,
    sample: SampleOption = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help='Only versions that have all of these; "" asks for none.'),
    ] = None,
    published: Annotated[
        bool | None,
        typer.Option(
            "--published/--no-published",
            help="Only published versions, or those that nobody published too.",
            show_default="published",
        ),
    ] = None,
    max_versions: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many of the newest are served; a canary needs one a weight.",
            show_default="1",
        ),
    ] = None,
    poll_seconds: Annotated[
        int | None,
        typer.Option(min=1, help="How often to look for news, at most.", show_default="60"),
    ] = None,
    as_json: JsonOption = False,
    *,
    tables: dict[str, Any],
) -> None:
    """Serve new versions of a registry's model with no deployment.

    Called again for an endpoint, what is not given stays as it was.

    Examples:

    \b
      lambda-serving model auto-update --engine sklearn --endpoint churn \\
          --preprocess preprocess.py --project examples --name churn \\
          --max-versions 2
      lambda-serving model auto-update --engine sklearn --endpoint churn \\
          --project examples --name churn --no-published --tags tested
    """
    given = {
        "project": project,
        "name": name,
        "tags": None if tags is None else split_commas(tags),
        "published": published,
        "max_versions": max_versions,
        "poll_seconds": poll_seconds,
    }
    rule = {key: value for key, value in given.items() if value is not None}
    wanted = Version(endpoint, None, engine, preprocess, sample, tables)
    show_outcome(enable_auto_update(find_project(), wanted, rule), as_json)

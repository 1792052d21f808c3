"""The commands of endpoints below `model`: add, auto-update, canary and remove."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving.settings.endpoint import DEFAULT_VERSION
from lambda_serving_cli.aws.optional_stack import find_stack
from lambda_serving_cli.aws.target import Target, find_target
from lambda_serving_cli.commands.endpoints import JsonOption, show_outcome
from lambda_serving_cli.commands.model_remove import remove
from lambda_serving_cli.commands.options import model as model_options
from lambda_serving_cli.commands.options.clearml import Repeating, split_commas
from lambda_serving_cli.commands.options.model import (
    AuxConfigOption,
    EndpointOption,
    EngineOption,
    InputNameOption,
    InputSizeOption,
    InputTypeOption,
    NameOption,
    OutputNameOption,
    OutputSizeOption,
    OutputTypeOption,
    PreprocessOption,
    ProjectOption,
    PublishedOption,
    TagsOption,
)
from lambda_serving_cli.commands.options.where import Where, with_where
from lambda_serving_cli.project import addition, following, routing
from lambda_serving_cli.project.addition import Version
from lambda_serving_cli.project.code import find_main, may_load
from lambda_serving_cli.project.project import check_version, find_project
from lambda_serving_cli.project.source import Source, find_file, find_registered

app = typer.Typer()
app.command()(remove)


@app.command("add", cls=Repeating)
@with_where
def add(
    endpoint: EndpointOption,
    engine: EngineOption,
    version: Annotated[
        str | None,
        typer.Option(help="A further version of an endpoint that is there; the first one is 1."),
    ] = None,
    preprocess: PreprocessOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URI", help="A file or folder to upload, or s3://bucket/key as it is."
        ),
    ] = None,
    project: ProjectOption = None,
    name: NameOption = None,
    tags: TagsOption = None,
    published: PublishedOption = False,
    input_size: InputSizeOption = None,
    input_type: InputTypeOption = None,
    input_name: InputNameOption = None,
    output_size: OutputSizeOption = None,
    output_type: OutputTypeOption = None,
    output_name: OutputNameOption = None,
    aux_config: AuxConfigOption = None,
    as_json: JsonOption = False,
    *,
    where: Where,
) -> None:
    """Make an endpoint, or add a version to one, from a model and a preprocess.py.

    The model is a file of this machine, which goes into the stack's bucket; or the newest version
    in the model registry of --project and --name that has the --tags.

    Examples:

        lambda-serving model add --engine sklearn --endpoint churn --preprocess preprocess.py
            --model model.joblib
        lambda-serving model add --engine sklearn --endpoint churn --version 2
            --project examples --name churn --tags tested --published
    """
    _check_source(model, project, name, bool(tags) or published)
    if not model and not name and engine not in addition.CUSTOM:
        _check_load(engine, preprocess)
    tables = model_options.make_tables(
        (input_name, input_type, input_size), (output_name, output_type, output_size), aux_config
    )
    wanted = Version(endpoint, version and check_version(version), engine, preprocess, tables)
    root = find_project()
    source: Source | None = None
    target: Target | None = None
    if project and name:
        target = find_target(where)
        source = find_registered(target, project, name, split_commas(tags), published)
    elif model:
        source = find_file(model, endpoint, version or DEFAULT_VERSION)
        target = find_stack(where) if source.artifact else None
    show_outcome(addition.add_version(root, wanted, source, target), as_json)


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


def _check_load(engine: str, preprocess: Path | None) -> None:
    """Raises typer.BadParameter unless the code may return a model of its own."""
    if preprocess is None or not may_load(find_main(preprocess)):
        raise typer.BadParameter(
            f"the engine {engine} needs a model: --model, or --project and --name, or a"
            " --preprocess whose load returns one"
        )


@app.command("auto-update", cls=Repeating)
def auto_update(
    endpoint: EndpointOption,
    engine: EngineOption,
    project: Annotated[str, typer.Option(help="A project of the model registry.")],
    name: Annotated[str, typer.Option(help="The model of that project to follow.")],
    preprocess: PreprocessOption = None,
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
    input_size: InputSizeOption = None,
    input_type: InputTypeOption = None,
    input_name: InputNameOption = None,
    output_size: OutputSizeOption = None,
    output_type: OutputTypeOption = None,
    output_name: OutputNameOption = None,
    aux_config: AuxConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let an endpoint follow a model of the registry: new versions are served with no deployment.

    Called again for an endpoint, what is not given stays as it was.

    Examples:

        lambda-serving model auto-update --engine sklearn --endpoint churn
            --preprocess preprocess.py --project examples --name churn --max-versions 2
        lambda-serving model auto-update --engine sklearn --endpoint churn
            --project examples --name churn --no-published --tags tested
    """
    tables = model_options.make_tables(
        (input_name, input_type, input_size), (output_name, output_type, output_size), aux_config
    )
    given = {
        "project": project,
        "name": name,
        "tags": None if tags is None else split_commas(tags),
        "published": published,
        "max_versions": max_versions,
        "poll_seconds": poll_seconds,
    }
    rule = {key: value for key, value in given.items() if value is not None}
    wanted = Version(endpoint, None, engine, preprocess, tables)
    show_outcome(following.follow_model(find_project(), wanted, rule), as_json)


@app.command("canary", cls=Repeating)
def canary(
    endpoint: EndpointOption,
    weights: Annotated[
        list[float],
        typer.Option(min=0, max=1, help="Shares that sum to 1, in the order of the targets."),
    ],
    input_endpoints: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET", help="Who answers: endpoints, or versions like churn/2."),
    ] = None,
    input_endpoint_prefix: Annotated[
        str | None,
        typer.Option(metavar="ENDPOINT", help="An endpoint whose newest versions answer."),
    ] = None,
    sticky: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="header:<name> or body:<key>: requests with the same value get the same answerer.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Share requests between versions of an endpoint, or between endpoints.

    The first weight is that of the first target; with a prefix, that of the newest version.

    Examples:

        lambda-serving model canary --endpoint churn --weights 0.1 0.9
            --input-endpoints churn/2 churn/1
        lambda-serving model canary --endpoint churn_test --weights 0.5 0.5
            --input-endpoints churn churn_onnx
        lambda-serving model canary --endpoint churn --weights 0.1 0.9
            --input-endpoint-prefix churn
    """
    shares = read_shares(weights, input_endpoints, input_endpoint_prefix)
    prefix = input_endpoint_prefix.strip("/") if input_endpoint_prefix else None
    outcome = routing.share_traffic(find_project(), endpoint, shares, prefix, sticky)
    show_outcome(outcome, as_json)


def read_shares(
    weights: Sequence[float], targets: Sequence[str] | None, prefix: str | None
) -> dict[str, float] | list[float]:
    """Target -> its share; with a prefix the shares alone.

    Raises:
        typer.BadParameter: there are not as many targets as weights, or not one kind of them.
    """
    if bool(targets) == bool(prefix):
        raise typer.BadParameter("give --input-endpoints, or --input-endpoint-prefix")
    if targets is None:
        return list(weights)
    names = [name.strip("/") for name in targets]
    if len(set(names)) != len(names):
        raise typer.BadParameter("a target is named twice", param_hint="--input-endpoints")
    if len(names) != len(weights):
        raise typer.BadParameter(
            f"{len(weights)} weights for {len(names)} targets", param_hint="--weights"
        )
    return dict(zip(names, weights, strict=True))

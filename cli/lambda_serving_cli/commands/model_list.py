"""The commands `model list` and `model show`: what the registry holds."""

from typing import Annotated

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    RegisteredModel,
    Tags,
    check_model,
    check_project,
    format_libraries,
    open_bucket,
    parse_version,
    tell_version,
    with_model_options,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.registry.catalog import Selection, list_models, tell_wrong
from lambda_serving_cli.registry.index import require_versions
from lambda_serving_cli.registry.layout import LATEST, ROOT, Index, find_version
from lambda_serving_cli.terminal.output import format_size, remark, write_json
from lambda_serving_cli.terminal.tables import write_table


@with_stack_options
def list_models_command(
    project: Annotated[
        str | None, typer.Option(help="Models of this project only.", callback=check_project)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Models of this name only.", callback=check_model)
    ] = None,
    tags: Tags = [],  # noqa: B006 (Typer copies it)
    published: Annotated[bool, typer.Option("--published", help="Published ones only.")] = False,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """List the models of the registry.

    `lambda-serving endpoints` lists what is deployed.

    Examples:

    \b
      lambda-serving model list
      lambda-serving model list --project "serving examples" --tags eu \\
          --published --json
    """
    bucket = open_bucket(selection)
    wanted = Selection(project, name, tuple(tags), published)
    found, broken = list_models(bucket, wanted)
    if as_json:
        write_json(
            [{"project": i["project"], "name": i["name"], "versions": i["versions"]} for i in found]
        )
    elif found:
        heads = ("project", "name", "versions", "newest", "published", "framework", "size", "tags")
        write_table(heads, [make_row(index) for index in found])
    elif not broken:
        what = "no model yet" if wanted == Selection() else "no version like that"
        remark(f"The registry s3://{bucket.name}/{ROOT} holds {what}.")
    for reason in broken:
        remark(reason)
    if broken:
        raise typer.Exit(1)


def make_row(index: Index) -> list[str]:
    published = [number for number, each in index["versions"].items() if each["published"]]
    *_, (number, newest) = index["versions"].items()
    return [
        *(index["project"], index["name"], str(len(index["versions"])), number),
        *(published[-1] if published else "-", newest["framework"]),
        *(format_size(newest["size"]), ", ".join(newest["tags"])),
    ]


@with_model_options
def show(
    version: Annotated[
        str | None,
        typer.Option(
            help=f"One version: a number, or {LATEST}.",
            callback=lambda text: text and parse_version(text),
        ),
    ] = None,
    as_json: JsonOption = False,
    *,
    model: RegisteredModel,
) -> None:
    """Show all versions of a model, or everything about one.

    Examples:

    \b
      lambda-serving model show --project churn --name forest
      lambda-serving model show --project churn --name forest --version latest \\
          --json
    """
    index, wrong = require_versions(*model)
    for reason in wrong.values():
        remark(tell_wrong(model.name, reason))
    if version:
        number = find_version(index, version)
        tell_version(*model, number, index["versions"][number], as_json)
        return
    versions = index["versions"]
    if as_json:
        write_json({**vars(model.name), "bucket": model.bucket.name, "versions": versions})
        return
    heads = ("version", "published", "framework", "size", "tags", "created", "libraries", "sha256")
    rows = [
        [
            *(number, "yes" if entry["published"] else "no", entry["framework"]),
            *(format_size(entry["size"]), ", ".join(entry["tags"]), entry["created"]),
            *(format_libraries(entry), entry["sha256"][:12]),
        ]
        for number, entry in versions.items()
    ]
    write_table(heads, rows)

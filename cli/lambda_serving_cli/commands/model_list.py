"""The command `model list`."""

from typing import Annotated

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    Tags,
    check_model,
    check_project,
    open_bucket,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.registry.catalog import Selection, list_models
from lambda_serving_cli.registry.layout import ROOT, Index
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

"""`lambda-serving model list` and `show`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.registry import (
    Json,
    Name,
    Project,
    Tags,
    format_libraries,
    open_bucket,
    parse_name,
    parse_version,
    tell_version,
)
from lambda_serving_cli.commands.options.where import Where, with_where
from lambda_serving_cli.registry.catalog import Selection, list_models, tell_wrong
from lambda_serving_cli.registry.changes import Version
from lambda_serving_cli.registry.index import require_versions
from lambda_serving_cli.registry.layout import LATEST, ROOT, Index, ModelName, find_version
from lambda_serving_cli.terminal.output import (
    format_size,
    remark,
    write_json,
    write_table,
)


@with_where
def list_command(
    project: Annotated[
        str | None, typer.Option(help="Models of this project only.", callback=parse_name)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Models of this name only.", callback=parse_name)
    ] = None,
    tags: Tags = [],  # noqa: B006 (Typer copies it)
    published: Annotated[bool, typer.Option("--published", help="Published ones only.")] = False,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """List the models of the registry. (What is deployed: `lambda-serving endpoints`.)

    Examples:

      lambda-serving model list

      lambda-serving model list --project "serving examples" --tags eu --published --json
    """
    bucket = open_bucket(where)
    selection = Selection(project, name, tuple(tags), published)
    found, broken = list_models(bucket, selection)
    if as_json:
        write_json(
            [{"project": i["project"], "name": i["name"], "versions": i["versions"]} for i in found]
        )
    elif found:
        heads = ("project", "name", "versions", "newest", "published", "framework", "size", "tags")
        write_table(heads, [_make_row(index) for index in found])
    elif not broken:
        what = "no model yet" if selection == Selection() else "no version like that"
        remark(f"The registry s3://{bucket.name}/{ROOT} holds {what}.")
    for reason in broken:
        remark(reason)
    if broken:
        raise typer.Exit(1)


def _make_row(index: Index) -> list[str]:
    versions = index["versions"]
    numbers = sorted(versions, key=int)
    published = [number for number in numbers if versions[number]["published"]]
    newest = versions[numbers[-1]]
    return [
        *(index["project"], index["name"], str(len(numbers)), numbers[-1]),
        *(published[-1] if published else "-", newest["framework"]),
        *(format_size(newest["size"]), ", ".join(newest["tags"])),
    ]


@with_where
def show(
    project: Project,
    name: Name,
    version: Annotated[
        str | None,
        typer.Option(
            help=f"One version: a number, or {LATEST}.",
            callback=lambda text: text and parse_version(text),
        ),
    ] = None,
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Show all versions of a model, or everything about one.

    Examples:

      lambda-serving model show --project churn --name forest

      lambda-serving model show --project churn --name forest --version latest --json
    """
    bucket, named = open_bucket(where), ModelName(project, name)
    index, wrong = require_versions(bucket, named)
    for reason in wrong.values():
        remark(tell_wrong(named, reason))
    if version:
        number = find_version(index, version)
        tell_version(bucket, named, Version(number, index["versions"][number]), as_json)
        return
    versions = dict(sorted(index["versions"].items(), key=lambda item: int(item[0])))
    if as_json:
        write_json({"project": project, "name": name, "bucket": bucket.name, "versions": versions})
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

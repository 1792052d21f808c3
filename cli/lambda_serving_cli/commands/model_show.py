"""The command `model show`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    RegisteredModel,
    format_libraries,
    parse_version,
    tell_version,
    with_model_options,
)
from lambda_serving_cli.registry.catalog import tell_wrong
from lambda_serving_cli.registry.index import require_versions
from lambda_serving_cli.registry.layout import LATEST, find_version
from lambda_serving_cli.terminal.output import format_size, remark, write_json
from lambda_serving_cli.terminal.tables import write_table


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

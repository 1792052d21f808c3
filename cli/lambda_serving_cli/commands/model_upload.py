"""`lambda-serving model upload`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.parsing import check_with
from lambda_serving_cli.commands.options.registry import (
    Name,
    Project,
    Tags,
    open_bucket,
    tell_version,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.conversion.conversion import TOLERANCE
from lambda_serving_cli.registry.artifact import MIB, PART_SIZE
from lambda_serving_cli.registry.frameworks import FRAMEWORKS, name_framework
from lambda_serving_cli.registry.layout import ModelName
from lambda_serving_cli.registry.model_upload import Upload, upload_model
from lambda_serving_cli.terminal.output import write_json


def parse_libraries(texts: list[str]) -> list[str]:
    for text in texts:
        name, _, version = text.partition("=")
        if not (name.strip() and version.strip() and text.isprintable()):
            raise typer.BadParameter(f"expected NAME=VERSION, got {text!r}")
    return texts


@with_stack_options
def upload(
    project: Project,
    name: Name,
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE|FOLDER", help="The model.", show_default=False)
    ] = None,
    path: Annotated[Path | None, typer.Option(help="The model, as ClearML has it.")] = None,
    framework: Annotated[
        str | None,
        typer.Option(
            help=f"One of {', '.join(FRAMEWORKS)}.",
            show_default="read off the model",
            callback=check_with(name_framework),
        ),
    ] = None,
    library: Annotated[
        list[str],
        typer.Option(
            help="NAME=VERSION of a library that trained it; may be given again.",
            show_default="read off the model",
            callback=parse_libraries,
        ),
    ] = [],  # noqa: B006 (Typer copies it)
    tags: Tags = [],  # noqa: B006
    publish: Annotated[bool, typer.Option("--publish", help="Publish it at once.")] = False,
    sample: Annotated[
        Path | None,
        typer.Option(help="A JSON file: a request that the model must answer to be taken up."),
    ] = None,
    to_onnx: Annotated[
        bool,
        typer.Option(
            "--to-onnx", help="Convert it, check it against the original, and upload that."
        ),
    ] = False,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="With --to-onnx: rows to compare on (.json, .csv or .npy).",
            show_default="made up from the model",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="With --to-onnx: largest difference; relative for numbers above 1.",
            show_default=f"{TOLERANCE:g}",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="A new version of what is one already; publish even what seems broken.",
        ),
    ] = False,
    part_size: Annotated[
        int, typer.Option(min=5, max=5120, help="MiB of a part; a cut loses the ones under way.")
    ] = PART_SIZE // MIB,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Upload a model as a new version.

    Nobody sees it before all of it is there. After a cut, the same command goes on where it
    stopped.

    Examples:

    \b
      lambda-serving model upload --project churn --name forest model.onnx
      lambda-serving model upload --project churn --name forest --tags eu,v2 \\
          --publish --sample sample.json --path exported/
      lambda-serving model upload --project churn --name forest \\
          --to-onnx model.joblib --rows test_rows.csv
    """
    place = _choose_source(source, path)
    if not to_onnx and (rows is not None or tolerance is not None):
        raise typer.BadParameter("--rows and --tolerance belong to --to-onnx")
    named = ModelName(project, name)
    upload = Upload(
        source=place,
        framework=framework,
        libraries=library,
        tags=tags,
        published=publish,
        sample=sample,
        force=force,
        part_size=part_size * MIB,
        to_onnx=to_onnx,
        rows=rows,
        tolerance=TOLERANCE if tolerance is None else tolerance,
    )
    connect = partial(open_bucket, selection)
    bucket, outcome, conversion = upload_model(connect, named, upload)
    if as_json:
        about = {"version": outcome.version, "existing": outcome.existing, "bucket": bucket.name}
        told = {"conversion": conversion.describe()} if conversion else {}
        write_json({**vars(named), **about, **outcome.entry, **told})
    else:
        done = "The same artifact is there already" if outcome.existing else "Uploaded"
        tell_version(bucket, named, outcome.version, outcome.entry, False, done)


def _choose_source(source: Path | None, path: Path | None) -> Path:
    """The one place of the two."""
    if source and path:
        raise typer.BadParameter(
            f"both {source} and --path {path} are given; several tags go as in --tags a,b"
        )
    place = source or path
    if place is None:
        raise typer.BadParameter("the model's FILE or FOLDER is missing")
    if not place.exists():
        raise typer.BadParameter(f"there is no file or folder {place}")
    return place.resolve()

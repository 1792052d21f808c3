"""`lambda-serving model upload`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving.models.pickles import PICKLING_ENGINES, SAFE_SUFFIX
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.checks import check_with
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.registry import (
    Name,
    Project,
    Tags,
    open_bucket,
    tell_version,
)
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.conversion.conversion import TOLERANCE, convert_in_folder
from lambda_serving_cli.conversion.report import describe_conversion
from lambda_serving_cli.registry.artifact import MIB, PART_SIZE, list_files, read_artifact
from lambda_serving_cli.registry.changes import Version
from lambda_serving_cli.registry.frameworks import (
    FRAMEWORKS,
    Recognition,
    choose_framework,
    name_framework,
)
from lambda_serving_cli.registry.layout import ModelName
from lambda_serving_cli.registry.publication import Publication, publish_version
from lambda_serving_cli.registry.sample import read_sample
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark, write_json
from lambda_serving_cli.terminal.progress import ByteProgress


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
    conversion = None
    with ExitStack() as files:
        size = sum(file.stat().st_size for file in list_files(place).values())
        found = choose_framework(place, framework, library)
        if found.doubt:
            _tell_doubt(place, found.doubt, refuse=publish and not force)
        if found.framework in PICKLING_ENGINES and not to_onnx:
            _tell_pickle(place)
        if to_onnx:
            remark(f"converting {place.name} to ONNX")
            converted = convert_in_folder(place, found.framework, rows, tolerance)
            place, conversion = files.enter_context(converted)
            for line in describe_conversion(conversion):
                remark(line)
            found = Recognition("onnx", {**conversion.libraries, **found.libraries})
            size = place.stat().st_size
        sample_file = read_sample(sample) if sample else None
        bucket, named = open_bucket(selection), ModelName(project, name)
        with ByteProgress() as progress:
            progress.begin(f"reading {place.name}", size)
            publication = Publication(
                artifact=read_artifact(place, part_size * MIB, progress.advance),
                framework=found.framework,
                libraries=found.libraries,
                tags=tags,
                published=publish,
                sample=sample_file,
                force=force,
            )
            with tell_aws_errors(then="the same command again goes on where it stopped"):
                outcome = publish_version(bucket, named, publication, progress)
    if outcome.existing and (sample or framework or library):
        remark("Its framework, libraries and sample stay as they are; --force makes a new version.")
    version = Version(outcome.version, outcome.entry)
    if as_json:
        about = {"project": project, "name": name, "version": version.number}
        existing = {"existing": outcome.existing, "bucket": bucket.name}
        told = {"conversion": conversion.describe()} if conversion else {}
        write_json({**about, **existing, **version.entry, **told})
    else:
        done = "The same artifact is there already" if outcome.existing else "Uploaded"
        tell_version(bucket, named, version, False, done)


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


def _tell_pickle(place: Path) -> None:
    """Say what lets endpoints load a pickle."""
    names = list_files(place)
    if not any(name.endswith(SAFE_SUFFIX) for name in (*names, place.name)):
        remark(
            f"{place.name} is a pickle, which runs code where it is loaded. Endpoints take this"
            " very file, by the sha256 in the registry's index; whoever can write to the bucket can"
            " change both (docs/security.md). A .skops file runs no code."
        )


def _tell_doubt(place: Path, doubt: str, *, refuse: bool) -> None:
    """Raises CommandError where it must not go before users."""
    if refuse:
        raise CommandError(
            f"{place.name} {doubt}: it is not published",
            advice="upload a whole one; or this one without --publish, or with --force",
        )
    remark(f"Warning: {place.name} {doubt}.")

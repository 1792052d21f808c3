"""`lambda-serving model upload`."""

import json
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving.settings.auto_update import LARGEST_SAMPLE
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.commands.model_converting import (
    Rows,
    Tolerance,
    ToOnnx,
    convert_for_upload,
)
from lambda_serving_cli.commands.options.registry import (
    Json,
    Name,
    Project,
    Tags,
    open_bucket,
    tell_version,
)
from lambda_serving_cli.commands.options.where import Where, with_where
from lambda_serving_cli.project.files import read_bytes
from lambda_serving_cli.registry.artifact import (
    MIB,
    PART_SIZE,
    ArtifactFile,
    digest_file,
    list_files,
    read_artifact,
)
from lambda_serving_cli.registry.changes import Version
from lambda_serving_cli.registry.frameworks import (
    FRAMEWORKS,
    Recognition,
    name_framework,
    recognise,
)
from lambda_serving_cli.registry.layout import SAMPLE, ModelName
from lambda_serving_cli.registry.publication import Publication, publish_version
from lambda_serving_cli.terminal.output import ByteProgress, remark, write_json
from lambda_serving_cli.terminal.steps import StepError


def parse_framework(text: str | None) -> str | None:
    try:
        return text and name_framework(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def parse_libraries(texts: list[str]) -> list[str]:
    for text in texts:
        name, _, version = text.partition("=")
        if not (name.strip() and version.strip() and text.isprintable()):
            raise typer.BadParameter(f"expected NAME=VERSION, got {text!r}")
    return texts


@with_where
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
            callback=parse_framework,
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
    to_onnx: ToOnnx = False,
    rows: Rows = None,
    tolerance: Tolerance = None,
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
    as_json: Json = False,
    *,
    where: Where,
) -> None:
    """Upload a model as a new version. Nobody sees it before all of it is there.

    After a cut, the same command goes on where it stopped.

    Examples:

      lambda-serving model upload --project churn --name forest model.onnx

      lambda-serving model upload --project churn --name forest --tags eu,v2 --publish
      --sample sample.json --path exported/

      lambda-serving model upload --project churn --name forest --to-onnx model.joblib
      --rows test_rows.csv
    """
    place = _choose_source(source, path)
    if not to_onnx and (rows is not None or tolerance is not None):
        raise typer.BadParameter("--rows and --tolerance belong to --to-onnx")
    conversion = None
    with ExitStack() as files:
        size = sum(file.stat().st_size for file in list_files(place).values())
        found = _recognise(place, framework, library)
        if found.doubt:
            _tell_doubt(place, found.doubt, refuse=publish and not force)
        if to_onnx:
            converted = convert_for_upload(place, found, rows, tolerance)
            place, found, conversion = files.enter_context(converted)
            size = place.stat().st_size
        sample_file = _read_sample(sample) if sample else None
        bucket, named = open_bucket(where), ModelName(project, name)
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


def _recognise(place: Path, framework: str | None, libraries: list[str]) -> Recognition:
    """The framework and libraries: as named, else as the model tells."""
    found = recognise(place)
    if found is None and framework is None:
        raise StepError(
            f"what made {place.name} cannot be told from it",
            advice=f"add --framework, one of {', '.join(FRAMEWORKS)}",
        )
    named = dict(text.split("=", 1) for text in libraries)
    if found is None or (framework and framework != found.framework):
        return Recognition(framework or "custom", named)
    return Recognition(found.framework, named or found.libraries, found.doubt)


def _tell_doubt(place: Path, doubt: str, *, refuse: bool) -> None:
    """Raises StepError where it must not go before users."""
    if refuse:
        raise StepError(
            f"{place.name} {doubt}: it is not published",
            advice="upload a whole one; or this one without --publish, or with --force",
        )
    remark(f"Warning: {place.name} {doubt}.")


def _read_sample(path: Path) -> ArtifactFile:
    """The sample request, which is a JSON object like the body of any request.

    An endpoint reads it by orjson, which takes less than Python does: UTF-8 alone, no NaN, no
    number beyond a float's range, no half of a surrogate pair.
    """
    try:
        data = read_bytes(path)
        content = json.loads(data.decode(), parse_constant=_refuse, parse_float=_parse_float)
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise StepError(f"the sample {path} is not JSON: {error}") from error
    if len(data) > LARGEST_SAMPLE:
        raise StepError(f"the sample {path} has {len(data)} bytes, the limit is {LARGEST_SAMPLE}")
    if not isinstance(content, dict):
        raise StepError(
            f"the sample {path} holds no JSON object",
            advice='it is the body of a request, such as {"age": 41}',
        )
    return digest_file(path, SAMPLE, len(data), lambda _: None)


def _refuse(number: str) -> float:
    raise ValueError(f"{number} is no number of JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)

"""From a model's file to a version: recognised, converted where that is asked for, published."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lambda_serving.models.pickles import PICKLING_ENGINES, SAFE_SUFFIX
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.conversion.conversion import Conversion, convert
from lambda_serving_cli.conversion.report import describe_conversion
from lambda_serving_cli.registry.artifact import list_files, read_artifact
from lambda_serving_cli.registry.frameworks import Recognition, choose_framework
from lambda_serving_cli.registry.layout import Bucket, ModelName
from lambda_serving_cli.registry.publication import Outcome, Publication, publish_version
from lambda_serving_cli.registry.sample import take_sample
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark
from lambda_serving_cli.terminal.progress import ByteProgress


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A model of this machine, and what is to become of it."""

    source: Path
    framework: str | None
    """Where it is not to be read off the model; so are the `libraries`, as NAME=VERSION."""
    libraries: list[str]
    tags: list[str]
    published: bool
    sample: Path | None
    """A request that the model must answer to be taken up."""
    force: bool
    part_size: int
    """Bytes."""
    to_onnx: bool
    rows: Path | None
    """What the conversion compares on; its `tolerance` is the largest difference."""
    tolerance: float


def upload_model(
    connect: Callable[[], Bucket], model: ModelName, upload: Upload
) -> tuple[Bucket, Outcome, Conversion | None]:
    """Upload a model as a new version, and tell what is under way.

    The registry's bucket is asked for last: what is wrong with the files is told before.

    Raises:
        CommandError: there is no such file, what made it cannot be told, it cannot be converted or
            looks broken, or the registry or S3 refuse it.
    """
    list_files(upload.source)  # that it is there
    with _convert(upload) as (place, found, conversion):
        sample = take_sample(upload.sample) if upload.sample else None
        bucket = connect()
        with ByteProgress() as progress:
            size = sum(file.stat().st_size for file in list_files(place).values())
            progress.begin(f"reading {place.name}", size)
            publication = Publication(
                artifact=read_artifact(place, upload.part_size, progress.advance),
                framework=found.framework,
                libraries=found.libraries,
                tags=upload.tags,
                published=upload.published,
                sample=sample,
                force=upload.force,
            )
            with tell_aws_errors(then="the same command again goes on where it stopped"):
                outcome = publish_version(bucket, model, publication, progress)
    if outcome.existing and (upload.sample or upload.framework or upload.libraries):
        remark("Its framework, libraries and sample stay as they are; --force makes a new version.")
    return bucket, outcome, conversion


@contextmanager
def _convert(upload: Upload) -> Iterator[tuple[Path, Recognition, Conversion | None]]:
    """What goes up, and what it is: the model itself, or the ONNX model that is made of it."""
    place = upload.source
    found = choose_framework(place, upload.framework, upload.libraries)
    if found.doubt and upload.published and not upload.force:
        raise CommandError(
            f"{place.name} {found.doubt}: it is not published",
            advice="upload a whole one; or this one without --publish, or with --force",
        )
    if found.doubt:
        remark(f"Warning: {place.name} {found.doubt}.")
    if not upload.to_onnx:
        if found.framework in PICKLING_ENGINES:
            _tell_pickle(place)
        yield place, found, None
        return
    remark(f"converting {place.name} to ONNX")
    with TemporaryDirectory(prefix="lambda-serving-") as folder:
        out = Path(folder, f"{place.stem}.onnx")
        conversion = convert(place, found.framework, upload.rows, out, upload.tolerance)
        for line in describe_conversion(conversion):
            remark(line)
        libraries = {**conversion.libraries, **found.libraries}
        yield out, Recognition("onnx", libraries), conversion


def _tell_pickle(place: Path) -> None:
    """Say what lets endpoints load a pickle."""
    names = list_files(place)
    if not any(name.endswith(SAFE_SUFFIX) for name in (*names, place.name)):
        remark(
            f"{place.name} is a pickle, which runs code where it is loaded. Endpoints take this"
            " very file, by the sha256 in the registry's index; whoever can write to the bucket can"
            " change both (docs/security.md). A .skops file runs no code."
        )

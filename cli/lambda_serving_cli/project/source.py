"""Where an endpoint's model comes from: a file of this machine, a URI, or the registry."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.registry.artifact import (
    PART_SIZE,
    Artifact,
    digest_file,
    ignore,
    read_artifact,
)
from lambda_serving_cli.registry.catalog import Selection, tell_wrong
from lambda_serving_cli.registry.index import require_versions
from lambda_serving_cli.registry.layout import Bucket, ModelName
from lambda_serving_cli.registry.upload import DIGEST, upload_files
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.progress import ByteProgress


@dataclass(frozen=True)
class Source:
    """A model as endpoint.toml names it; `artifact` is what must be brought there first."""

    model: str
    sha256: str | None = None
    artifact: Artifact | None = None
    folder: str = ""
    """The key below which the artifact goes, with a slash."""
    note: str = ""


def find_file(text: str, endpoint: str, version: str) -> Source:
    """The model that `--model` names: a URI as it is, a file or folder below <endpoint>/<version>/.

    Raises:
        CommandError: there is no such file, or it cannot be read.
    """
    if text.startswith("s3://"):
        note = "the functions may read the stack's own bucket; for another one, add a policy"
        return Source(text, note=note)
    if text.startswith("file:///"):
        return Source(text, note="file:// is for `lambda-serving dev`: no Lambda has that file")
    path = Path(text)
    if not path.exists():
        raise CommandError(
            f"there is no file or folder {text}",
            advice="a model that is in S3 already is written s3://bucket/key",
        )
    artifact = read_artifact(path, PART_SIZE, ignore)
    folder = f"{endpoint}/{version}/"
    digest = None if artifact.is_folder else artifact.sha256
    return Source(folder + artifact.place, digest, artifact, folder)


def find_registered(
    stack: DeployedStack, project: str, name: str, tags: Sequence[str], published: bool
) -> Source:
    """The newest version in the registry that has all the tags.

    Raises:
        CommandError: there is no such model, or no such version of it.
    """
    model = ModelName(project, name)
    index, wrong = require_versions(Bucket(stack.client("s3"), stack.bucket), model)
    newest = Selection(tags=tuple(tags), published=published).require_versions(index)[0]
    entry = index["versions"][newest]
    is_folder = entry["model"].endswith("/")
    told = [f"version {newest} of model {model} in {stack.name}"]
    told += [tell_wrong(model, reason) for reason in wrong.values()]
    return Source(entry["model"], None if is_folder else entry["sha256"], note="; ".join(told))


def bring(source: Source, project: Project, stack: DeployedStack | None) -> list[str]:
    """Bring the artifact where endpoint.toml will look for it; what was done, in sentences.

    Into the stack's bucket; for a local cloud, or where there is none yet, also below
    .local/models, which the next `make up` publishes and `lambda-serving dev` serves.

    Raises:
        CommandError: another model is there already, or a file cannot be written.
    """
    artifact = source.artifact
    if artifact is None:
        return [source.note] if source.note else []
    done = []
    if stack is None or stack.local:
        _keep(artifact, project.models / source.folder)
        done.append(f".local/models/{source.model} is what `make up` publishes")
    if stack is not None:
        bucket = Bucket(stack.client("s3"), stack.bucket)
        wanted = {source.folder + file.name: file.sha256 for file in artifact.files}
        _refuse_others(bucket, source.model, wanted)
        with ByteProgress() as progress:
            progress.begin(f"uploading to {stack.name}", artifact.size)
            upload_files(bucket, source.folder, artifact.files, progress.advance)
        done.append(f"{source.model} is in the bucket of {stack.name}")
    return done


def _refuse_others(bucket: Bucket, model: str, wanted: Mapping[str, str]) -> None:
    """A key is never written over: another endpoint, or a deployed version, may read it."""
    for key in bucket.list_keys(model):
        if key not in wanted and not model.endswith("/"):
            continue  # its name only begins like the model's
        found = bucket.client.head_object(Bucket=bucket.name, Key=key)["Metadata"]
        if found.get(DIGEST) != wanted.get(key):
            raise CommandError(
                f"another model is at {key} of the bucket already",
                advice="take another --version, or another name for the file",
            )


def _keep(artifact: Artifact, folder: Path) -> None:
    for file in artifact.files:
        path = folder / file.name
        if path.exists():
            if digest_file(path, file.name, PART_SIZE, ignore).sha256 == file.sha256:
                continue
            raise CommandError(f"another model is at {path} already", advice="remove it first")
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path, draft)
            draft.replace(path)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error

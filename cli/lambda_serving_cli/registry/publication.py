"""From files to a visible version: reserve a number, upload below it, then enter it in the index.

Numbers are given in the order in which versions become visible. A number is reserved before the
upload, since the files lie below it. Whoever is done waits a little for those who reserved
before; then it enters its version and drops their reservations. Who finds its reservation gone
takes the next number and has S3 copy its files there. So no lock is held by anyone: a process
that dies costs the next one PATIENCE seconds, once.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambda_serving_cli.registry.artifact import Artifact, ArtifactFile, ignore
from lambda_serving_cli.registry.index import change_index, read_index
from lambda_serving_cli.registry.layout import (
    LARGEST_KEY,
    Bucket,
    Entry,
    Index,
    ModelName,
)
from lambda_serving_cli.registry.upload import DIGEST, hold_attempt, upload_files
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.progress import ByteProgress

PATIENCE = 10.0
"""Seconds that an upload which is done waits for those that reserved their number before."""


@dataclass(frozen=True)
class Publication:
    """What is to become a version."""

    artifact: Artifact
    framework: str
    libraries: Mapping[str, str]
    tags: Sequence[str] = ()
    published: bool = False
    sample: ArtifactFile | None = None
    force: bool = False
    """Make a version even of an artifact that is one already."""

    @property
    def files(self) -> tuple[ArtifactFile, ...]:
        return self.artifact.files + ((self.sample,) if self.sample else ())


@dataclass(frozen=True)
class Outcome:
    """The version, and whether it was there before."""

    version: str
    entry: Entry
    existing: bool


def publish_version(
    bucket: Bucket, model: ModelName, publication: Publication, progress: ByteProgress
) -> Outcome:
    """Upload an artifact and enter it in the index.

    An artifact that is a version already is not uploaded: that version gets the tags, and is
    published where that was asked.

    Raises:
        CommandError: its files cannot be kept, or changed meanwhile, or others changed the index
            without a pause.
        ClientError, BotoCoreError: S3 refused or could not be reached; the same call goes on.
    """
    _check_files(model, publication)
    index, _ = read_index(bucket, model)
    if index is not None and _find_same(index, publication):
        return _adopt(bucket, model, publication)
    with hold_attempt(bucket, model, publication.artifact.sha256) as attempt:
        version = _reserve(bucket, model, attempt)
        total = sum(file.size for file in publication.files)
        progress.begin(f"uploading version {version}", total)
        upload_files(bucket, model.locate(version), publication.files, progress.advance)
        while True:
            _wait_for_turn(bucket, model, version, progress)
            if outcome := _commit(bucket, model, publication, attempt, version):
                return outcome
            if same := _find_same(_read(bucket, model), publication):
                _drop(bucket, model, version)
                progress.tell(f"the same artifact became version {same} meanwhile")
                return _adopt(bucket, model, publication)
            newer = _reserve(bucket, model, attempt)
            progress.tell(f"another version was ready before {version}: this becomes {newer}")
            _move(bucket, model, publication.files, version, newer)
            version = newer


def _check_files(model: ModelName, publication: Publication) -> None:
    """See that every file can be an object of its own."""
    names = [file.name for file in publication.files]
    if publication.sample and names[-1] in names[:-1]:
        raise CommandError(f"the model's file is named {names[-1]}, which is the sample's name")
    for name in names:
        length = len(f"{model.folder}{'9' * 9}/{name}".encode())
        if length > LARGEST_KEY:
            raise CommandError(f"the names are too long: {length} bytes, S3 takes {LARGEST_KEY}")


def _find_same(index: Index, publication: Publication) -> str | None:
    """The newest version with this artifact, unless one more is wanted."""
    if publication.force:
        return None
    digest = publication.artifact.sha256
    found = [n for n, entry in index["versions"].items() if entry["sha256"] == digest]
    return max(found, key=int, default=None)


def _adopt(bucket: Bucket, model: ModelName, publication: Publication) -> Outcome:
    def change(index: Index) -> Outcome:
        version = _find_same(index, publication)
        if version is None:
            raise CommandError("the version with this artifact was removed just now")
        entry = index["versions"][version]
        entry["tags"] = list(dict.fromkeys([*entry["tags"], *publication.tags]))
        entry["published"] = entry["published"] or publication.published
        return Outcome(version, entry, existing=True)

    return change_index(bucket, model, change)


def _reserve(bucket: Bucket, model: ModelName, attempt: str) -> str:
    """The number that this attempt has, or the next one."""

    def change(index: Index) -> str:
        reserved = index.setdefault("reserved", {})
        if attempt not in reserved.values():
            reserved[str(index["next"])] = attempt
            index["next"] += 1
        return next(number for number, owner in reserved.items() if owner == attempt)

    return change_index(bucket, model, change, create=True)


def _wait_for_turn(bucket: Bucket, model: ModelName, version: str, progress: ByteProgress) -> None:
    """Wait until nobody has a lower number reserved, or patience ends."""
    deadline, pause = time.monotonic() + PATIENCE, 0.05
    while time.monotonic() < deadline:
        before = [n for n in _read(bucket, model).get("reserved", {}) if int(n) < int(version)]
        if not before:
            return
        if pause == 0.05:
            progress.tell(f"waiting for version {', '.join(before)}, begun before this one")
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def _commit(
    bucket: Bucket, model: ModelName, publication: Publication, attempt: str, version: str
) -> Outcome | None:
    """None where a version of a higher number became visible, or the same artifact did."""

    def change(index: Index) -> Outcome | None:
        if version in index["versions"]:  # done before, and the answer was lost
            return Outcome(version, index["versions"][version], existing=False)
        reserved = index.get("reserved", {})
        if reserved.get(version) != attempt or _find_same(index, publication):
            return None
        index["reserved"] = {n: owner for n, owner in reserved.items() if int(n) > int(version)}
        if not index["reserved"]:
            del index["reserved"]
        entry = index["versions"][version] = _make_entry(model, publication, version)
        return Outcome(version, entry, existing=False)

    return change_index(bucket, model, change)


def _make_entry(model: ModelName, publication: Publication, version: str) -> Entry:
    folder, artifact = model.locate(version), publication.artifact
    entry = Entry(
        model=folder + artifact.place,
        framework=publication.framework,
        sha256=artifact.sha256,
        size=artifact.size,
        tags=list(dict.fromkeys(publication.tags)),
        published=publication.published,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        libraries=dict(publication.libraries),
    )
    if publication.sample:
        entry["sample"] = folder + publication.sample.name
    return entry


def _move(
    bucket: Bucket, model: ModelName, files: Sequence[ArtifactFile], old: str, new: str
) -> None:
    """Have S3 copy the files of a number below another one, then delete them there."""
    there = set(bucket.list_keys(model.locate(old)))
    for file in files:
        source: Any = {"Bucket": bucket.name, "Key": model.locate(old) + file.name}
        extra = {"Metadata": {DIGEST: file.sha256}, "MetadataDirective": "REPLACE"}
        if source["Key"] in there:
            bucket.client.copy(source, bucket.name, model.locate(new) + file.name, ExtraArgs=extra)
    # A file that somebody removed meanwhile comes from here once more.
    upload_files(bucket, model.locate(new), files, ignore)
    bucket.delete_keys(sorted(there))


def _drop(bucket: Bucket, model: ModelName, version: str) -> None:
    """Give up a reserved number, and its files."""

    def change(index: Index) -> None:
        reserved = index.get("reserved", {})
        reserved.pop(version, None)
        if not reserved:
            index.pop("reserved", None)

    change_index(bucket, model, change)
    bucket.delete_keys(bucket.list_keys(model.locate(version)))


def _read(bucket: Bucket, model: ModelName) -> Index:
    index, _ = read_index(bucket, model)
    if index is None:
        raise CommandError(f"the index of model {model} was deleted meanwhile")
    return index

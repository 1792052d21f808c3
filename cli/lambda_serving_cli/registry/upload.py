"""Put files into a folder of the bucket, in parts side by side.

An upload that was cut goes on where it stopped: S3 tells which parts of a file it has
(ListMultipartUploads, ListParts), and each is taken for done where its sha256 is the part's.
A large file is no object before all of its parts are there.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from lambda_serving_cli.registry.artifact import ArtifactFile, Part, Report
from lambda_serving_cli.registry.layout import Bucket, ModelName

THREADS = 4
DIGEST = "sha256"
"""The object's metadata that tells which file it is."""

ATTEMPTS = 3
"""Times that a file is begun anew after S3 forgot its parts."""


@dataclass(frozen=True)
class Multipart:
    """A file's upload under way: which parts S3 has, number -> ETag."""

    file: ArtifactFile
    key: str
    upload_id: str
    etags: dict[int, str]


def upload_files(bucket: Bucket, folder: str, files: Sequence[ArtifactFile], report: Report) -> int:
    """Put each file at `folder` + its name; what is there already is not sent again.

    Returns how many were not there.

    Raises:
        CommandError: a file changed meanwhile.
        ClientError, BotoCoreError: S3 refused, or the network failed and went on failing.
    """
    for attempt in range(1, ATTEMPTS + 1):
        there = set(bucket.list_keys(folder))
        left = [
            file
            for file in files
            if folder + file.name not in there
            or not _is_same_object(bucket, folder + file.name, file)
        ]
        report(sum(file.size for file in files) - sum(file.size for file in left))
        try:
            _send(bucket, folder, left, report)
            return len(left)
        except bucket.client.exceptions.ClientError as error:
            # S3 made the object before and the answer was lost; or it dropped parts as too old.
            if error.response["Error"].get("Code") != "NoSuchUpload" or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _send(bucket: Bucket, folder: str, files: list[ArtifactFile], report: Report) -> None:
    uploads = []
    tasks: list[Callable[[], None]] = []
    pages = bucket.client.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket.name, Prefix=folder
    )
    begun = pages.build_full_result().get("Uploads", [])
    # No objects yet. Those of one key come in the order in which they were begun.
    unfinished = {found["Key"]: found["UploadId"] for found in begun}
    for file in files:
        key = folder + file.name
        if len(file.parts) == 1:
            tasks.append(partial(_send_whole, bucket, key, file, report))
            continue
        upload = _begin(bucket, key, file, unfinished.get(key))
        uploads.append(upload)
        left = [part for part in file.parts if part.number not in upload.etags]
        report(file.size - sum(part.size for part in left))
        tasks += [partial(_send_part, bucket, upload, part, report) for part in left]
    _run(tasks)
    for upload in uploads:
        _finish(bucket, upload)


def _run(tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks side by side. The first failure, or Ctrl-C, ends it at once: tasks under way are
    left to threads that end with the program."""
    todo, results = deque(tasks), SimpleQueue[BaseException | None]()

    def work() -> None:
        while todo:
            try:
                task = todo.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                task()
            except BaseException as error:  # noqa: BLE001 (raised by the thread that waits)
                results.put(error)
                return
            results.put(None)

    for _ in range(THREADS):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in tasks:
            if error := results.get():
                raise error
    finally:
        todo.clear()


def _send_whole(bucket: Bucket, key: str, file: ArtifactFile, report: Report) -> None:
    (part,) = file.parts
    bucket.client.put_object(
        Bucket=bucket.name,
        Key=key,
        Body=file.read(part),
        ChecksumSHA256=part.checksum,
        Metadata={DIGEST: file.sha256},
    )
    report(part.size)


def _send_part(bucket: Bucket, upload: Multipart, part: Part, report: Report) -> None:
    answer = bucket.client.upload_part(
        Bucket=bucket.name,
        Key=upload.key,
        UploadId=upload.upload_id,
        PartNumber=part.number,
        Body=upload.file.read(part),
        ChecksumSHA256=part.checksum,
    )
    upload.etags[part.number] = answer["ETag"]
    report(part.size)


def _is_same_object(bucket: Bucket, key: str, file: ArtifactFile) -> bool:
    """Whether the object at the key is this file."""
    found = bucket.client.head_object(Bucket=bucket.name, Key=key)
    return found["Metadata"].get(DIGEST) == file.sha256 and found["ContentLength"] == file.size


def _begin(bucket: Bucket, key: str, file: ArtifactFile, upload_id: str | None) -> Multipart:
    """The unfinished upload with the parts that S3 has of it, or a new one."""
    if upload_id:
        return Multipart(file, key, upload_id, _list_done(bucket, key, upload_id, file))
    begun = bucket.client.create_multipart_upload(
        Bucket=bucket.name,
        Key=key,
        ChecksumAlgorithm="SHA256",
        Metadata={DIGEST: file.sha256},
    )
    return Multipart(file, key, begun["UploadId"], {})


def _list_done(bucket: Bucket, key: str, upload_id: str, file: ArtifactFile) -> dict[int, str]:
    """Number -> ETag of the parts that S3 has as they are in the file."""
    wanted = {part.number: part for part in file.parts}
    pages = bucket.client.get_paginator("list_parts").paginate(
        Bucket=bucket.name, Key=key, UploadId=upload_id
    )
    return {
        found["PartNumber"]: found["ETag"]
        for found in pages.build_full_result().get("Parts", [])
        if (part := wanted.get(found["PartNumber"])) and _is_same(found, file, part)
    }


def _is_same(found: Any, file: ArtifactFile, part: Part) -> bool:
    """Whether S3 has the part's bytes: by its sha256, or by the MD5 that the ETag mostly is."""
    if found["Size"] != part.size:
        return False
    if "ChecksumSHA256" in found:
        return bool(found["ChecksumSHA256"] == part.checksum)
    md5 = hashlib.md5(file.read(part), usedforsecurity=False).hexdigest()
    return bool(found["ETag"].strip('"') == md5)


def _finish(bucket: Bucket, upload: Multipart) -> None:
    """Make the object of its parts."""
    parts: Any = [
        {
            "PartNumber": part.number,
            "ETag": upload.etags[part.number],
            "ChecksumSHA256": part.checksum,
        }
        for part in upload.file.parts
    ]
    bucket.client.complete_multipart_upload(
        Bucket=bucket.name,
        Key=upload.key,
        UploadId=upload.upload_id,
        MultipartUpload={"Parts": parts},
    )


@contextmanager
def hold_attempt(bucket: Bucket, model: ModelName, sha256: str) -> Iterator[str]:
    """An upload's own id, so that the same command goes on with it after a cut: that of the
    unfinished upload of this artifact on this machine, or a new one; forgotten if all goes well.

    While another process of this machine uploads the same, or where nothing can be written, the
    id is a new one that nobody remembers.
    """
    where = (bucket.client.meta.endpoint_url, bucket.name, model.project, model.name, sha256)
    name = hashlib.sha256("\0".join(where).encode()).hexdigest()
    # XDG Base Directory Specification
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(cache, "lambda-serving", "uploads", name)
    attempt = os.urandom(6).hex()
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a+"))
            flock(file, LOCK_EX | LOCK_NB)
        except OSError:
            yield attempt
            return
        file.seek(0)
        attempt = file.read().strip() or attempt
        file.truncate(0)
        file.write(attempt)
        file.flush()
        yield attempt
        file.truncate(0)  # for one that opened it before it goes
        path.unlink(missing_ok=True)

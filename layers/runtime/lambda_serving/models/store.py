"""Fetch a model: ``s3://`` or ``file://``, one file or a prefix of many, verified.

obstore does the S3 requests: it needs neither botocore nor Python threads, so that a fetch
overlaps the imports of a cold start (docs/decisions/0003-model-store.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import (
    ModelFetchError,
    ModelVerificationError,
)
from lambda_serving.models.location import Location, locate_model
from lambda_serving.models.model import Model, make_folder

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store

    from lambda_serving.settings import Runtime


STREAMED_BYTES = 8 * 1024 * 1024
"""Above this size a model is not held in memory, but handed on as it comes; and hashed only where
it is pinned. A smaller one always is, so that the statistics name it: 5 ms, beside the imports."""

RANGED_BYTES = 64 * 1024 * 1024
"""Above this size it may come by several connections at once."""


def fetch_model(uri: str, sha256: str | None, runtime: Runtime) -> Model:
    """Fetch and verify a model.

    Raises:
        ModelFetchError: it is not there, may not be read, or the network fails.
        ModelVerificationError: its sha256 is not the pinned one.
    """
    location = locate_model(uri, runtime.model_bucket)
    if not location.bucket:
        return _fetch_local(location, sha256, runtime.scratch)
    store = open_bucket(location.bucket, runtime)
    if location.is_prefix:
        return _fetch_prefix(store, location, sha256, runtime.scratch)
    return _fetch_object(store, location, sha256, runtime.scratch)


def open_bucket(bucket: str, runtime: Runtime, is_quick: bool = False) -> S3Store:
    """An S3 client for one bucket, with time limits that leave room in INIT's 10 seconds.

    A quick one gives up after 2 s and tries nothing again: a request waits for it, and what
    it asks for can wait.
    """
    from datetime import timedelta

    from obstore.store import S3Store

    config: dict[str, Any] = {"region": runtime.region, **runtime.credentials}
    provider = None
    if runtime.credentials_uri and not runtime.credentials:
        from lambda_serving.credentials import Credentials

        provider = Credentials(runtime)
    if runtime.s3_endpoint:
        config |= {"endpoint": runtime.s3_endpoint, "virtual_hosted_style_request": False}
    return S3Store(
        bucket,
        config=config,  # type: ignore[arg-type]  # a TypedDict, built key by key
        credential_provider=provider,
        client_options={
            "allow_http": (runtime.s3_endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=1 if is_quick else 2),
            "read_timeout": timedelta(seconds=2 if is_quick else 5),
            "timeout": timedelta(seconds=2 if is_quick else 600),
        },
        retry_config={
            "max_retries": 0 if is_quick else 3,
            "retry_timeout": timedelta(seconds=6),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
    )


def open_store(location: Location, runtime: Runtime, is_quick: bool = False) -> Any:
    """What reads ``location.key``: of a bucket, or of the local file system."""
    if location.bucket:
        return open_bucket(location.bucket, runtime, is_quick)
    from obstore.store import LocalStore

    return LocalStore()


def _fetch_local(location: Location, sha256: str | None, scratch: Path) -> Model:
    path = Path(location.key)
    if not path.exists():
        raise ModelFetchError("the model is not there", private=str(location))
    if path.is_dir():
        digest = _verify_folder(path, sha256, location)
        return Model(location.name, scratch, path=path, sha256=digest)
    digest = None
    if sha256 or path.stat().st_size <= STREAMED_BYTES:
        digest = _verify_sha256(path.read_bytes(), sha256, location)
    return Model(location.name, scratch, path=path, sha256=digest)


def _fetch_object(store: S3Store, location: Location, sha256: str | None, scratch: Path) -> Model:
    """One object: in memory where it is small, else on its way."""
    options: GetOptions = {"version": location.version_id} if location.version_id else {}
    with _translate_errors(location):
        found = store.get(location.key, options=options)
        size = found.meta["size"]
        if size <= STREAMED_BYTES:
            data = bytes(found.bytes())
            digest = _verify_sha256(data, sha256, location)
            return Model(location.name, scratch, data=data, sha256=digest)
    from lambda_serving.models.download import PIECE, Download

    def stream() -> Iterator[Any]:
        with _translate_errors(location):
            if size > RANGED_BYTES and found.meta["e_tag"]:
                from lambda_serving.models.ranges import stream_object

                yield from stream_object(store, location.key, found, options)
            else:
                yield from found.stream(min_chunk_size=PIECE)

    def verify(digest: str) -> None:
        _compare(digest, sha256, location)

    download = Download(stream(), size, None if sha256 is None else verify)
    return Model(location.name, scratch, download=download)


@contextmanager
def _translate_errors(location: Location) -> Iterator[None]:
    """obstore's errors as the error table has them.

    Raises:
        ModelFetchError: whatever went wrong.
    """
    from obstore.exceptions import BaseError, PreconditionError

    try:
        yield
    except FileNotFoundError as error:
        raise ModelFetchError("the model is not there", private=str(location)) from error
    except PreconditionError as error:
        raise ModelFetchError(
            "the model was replaced while it was fetched", private=str(location)
        ) from error
    except (BaseError, OSError, ValueError) as error:
        from lambda_serving.causes import describe_cause

        reason = type(error).__name__.removesuffix("Error")
        raise ModelFetchError(
            f"the model cannot be fetched ({reason}){describe_cause(error)}",
            private=f"{location}: {error}",
        ) from error


def _fetch_prefix(store: S3Store, location: Location, sha256: str | None, scratch: Path) -> Model:
    """All objects below a prefix, in a folder that has its name."""
    from concurrent.futures import ThreadPoolExecutor

    sizes = _list_files(store, location)
    folder = make_folder(scratch) / location.name

    def fetch_file(key: str) -> None:
        with _translate_errors(location):
            try:
                found = store.get(key)
            except FileNotFoundError:
                if sizes[key] == 0:  # the mark of an empty folder: the object is `key/`
                    return
                raise
            target = folder / key.removeprefix(location.key)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for piece in found.stream():
                    file.write(piece)

    try:
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(fetch_file, sizes))
        if not folder.exists():
            raise _miss_files(location)
        digest = _verify_folder(folder, sha256, location)
    except BaseException:
        Model(location.name, scratch, path=folder, own_folder=folder.parent).discard()
        raise
    return Model(location.name, scratch, path=folder, own_folder=folder.parent, sha256=digest)


def _list_files(store: S3Store, location: Location) -> dict[str, int]:
    """Keys below a prefix with their bytes, without what only marks a folder.

    S3's console makes a folder by an empty object `folder/`; obstore lists it as `folder`.

    Raises:
        ModelFetchError: they cannot be listed, or there are none.
    """
    from obstore.exceptions import BaseError

    try:
        entries = [entry for page in store.list(location.key) for entry in page]
    except (BaseError, OSError, ValueError) as error:
        raise ModelFetchError(
            "the model's files cannot be listed", private=f"{location}: {error}"
        ) from error
    sizes = {entry["path"]: entry["size"] for entry in entries}
    folders = {str(parent) for key in sizes for parent in PurePosixPath(key).parents}
    folders.add(location.key.rstrip("/"))
    files = {key: size for key, size in sizes.items() if size or key not in folders}
    if not files:
        raise _miss_files(location)
    return files


def _miss_files(location: Location) -> ModelFetchError:
    return ModelFetchError("the model is not there", private=f"{location}: no object below it")


def _verify_folder(folder: Path, expected: str | None, location: Location) -> str | None:
    """The folder's digest, where it is pinned.

    Raises:
        ModelVerificationError: it is not the pinned one.
    """
    return None if expected is None else _compare(hash_folder(folder), expected, location)


def hash_folder(folder: Path) -> str:
    """sha256 of the lines "path\\0sha256\\n" of all files below, sorted by path."""
    lines = sorted(
        (file.relative_to(folder).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest())
        for file in folder.rglob("*")
        if file.is_file()
    )
    return hashlib.sha256(b"".join(f"{n}\0{d}\n".encode() for n, d in lines)).hexdigest()


def _verify_sha256(data: Any, expected: str | None, location: Location) -> str:
    """The digest.

    Raises:
        ModelVerificationError: it is not the pinned one.
    """
    return _compare(hashlib.sha256(data).hexdigest(), expected, location)


def _compare(actual: str, expected: str | None, location: Location) -> str:
    if expected not in (None, actual):
        raise ModelVerificationError(
            f"the model's sha256 is {actual}, pinned is {expected}", private=str(location)
        )
    return actual

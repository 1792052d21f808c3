"""Fetches and verifies models: ``s3://`` or ``file://``, one file or a prefix of many.

obstore sends the S3 requests. It needs neither botocore nor Python threads, so that a fetch
overlaps the imports of a cold start (docs/decisions/0003-model-store.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_serving.errors import ModelFetchError, ModelVerificationError
from lambda_serving.models.failures import translate_errors
from lambda_serving.models.folder import Folder, remove_leftovers
from lambda_serving.models.model import Model
from lambda_serving.models.patience import Patience
from lambda_serving.settings.location import Location, locate_model

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store

    from lambda_serving.settings.runtime import Runtime


STREAMED_BYTES = 16 * 1024 * 1024
"""Above this size a model is not held in memory, but handed on as it comes. That takes a tenth more
of the processor (docs/decisions/0019-cold-start.md)."""

HASHED_BYTES = 8 * 1024 * 1024
"""Above this size a model is hashed only where it is pinned. A smaller one always is, so that the
statistics name it: 5 ms, beside the imports."""

SMALL_SECONDS = 8.0
"""What a small object may take, tries included: no try begins after six seconds."""

RANGED_BYTES = 64 * 1024 * 1024
"""Above this size it may come by several connections at once."""


def fetch_model(
    uri: str, sha256: str | None, runtime: Runtime, patience: Patience | None = None
) -> Model:
    """Fetch and verify a model; what processes that are gone left on disk is removed before.

    Who waits for it does so with ``patience``.

    Raises:
        ModelFetchError: it is not there, may not be read, or the network fails.
        ModelVerificationError: its sha256 is not the pinned one.
        OSError: the local disk has no room for it.
    """
    patience = patience or Patience()
    remove_leftovers(runtime.scratch)
    location = locate_model(uri, runtime.model_bucket)
    if not location.bucket:
        return _fetch_local(location, sha256, runtime.scratch)
    patience.note()
    store = open_bucket(location.bucket, runtime)
    fetch = _fetch_prefix if location.is_prefix else _fetch_object
    model = fetch(store, location, sha256, runtime.scratch, patience)
    # A folder in the place of the bucket cannot tell.
    own = runtime.model_bucket
    model.is_foreign = location.bucket != own and not own.startswith("file://")
    return model


def open_bucket(
    bucket: str, runtime: Runtime, is_quick: bool = False, seconds: float = 600
) -> S3Store:
    """An S3 client for one bucket, with time limits that leave room in INIT's 10 seconds.

    An object has ``seconds`` to come. A quick client gives up after 2 s and tries nothing again:
    a request waits for it, and what it asks for can wait.
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
            "timeout": timedelta(seconds=2 if is_quick else seconds),
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
    """What reads ``location.key``, a small object: of a bucket, or of the local file system."""
    if location.bucket:
        return open_bucket(location.bucket, runtime, is_quick, SMALL_SECONDS)
    from obstore.store import LocalStore

    return LocalStore()


def _fetch_local(location: Location, sha256: str | None, scratch: Path) -> Model:
    path = Path(location.key)
    if not path.exists():
        raise ModelFetchError("the model is not there", private=str(location))
    digest = None
    if path.is_dir():
        digest = hash_folder(path) if sha256 else None
    elif sha256 or path.stat().st_size <= HASHED_BYTES:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _verify(digest, sha256, location)
    return Model(location.name, scratch, path=path, sha256=digest)


def _fetch_object(
    store: S3Store, location: Location, sha256: str | None, scratch: Path, patience: Patience
) -> Model:
    """One object: in memory where it is small, else on its way."""
    options: GetOptions = {"version": location.version_id} if location.version_id else {}
    with translate_errors(location):
        found = store.get(location.key, options=options)
        size = found.meta["size"]
        if size <= STREAMED_BYTES:
            data = bytes(found.bytes())
            patience.rest()
            is_hashed = sha256 is not None or size <= HASHED_BYTES
            digest = hashlib.sha256(data).hexdigest() if is_hashed else None
            _verify(digest, sha256, location)
            return Model(location.name, scratch, data=data, sha256=digest)
    from lambda_serving.models.download import PIECE, Download

    def stream() -> Iterator[Any]:
        with translate_errors(location):
            if size > RANGED_BYTES and found.meta["e_tag"]:
                from lambda_serving.models.ranges import stream_object

                yield from stream_object(store, location.key, found, options, patience)
            else:
                yield from found.stream(min_chunk_size=PIECE)

    verify = None if sha256 is None else partial(_verify, pinned=sha256, location=location)
    download = Download(stream(), size, verify, patience)
    return Model(location.name, scratch, download=download)


def _fetch_prefix(
    store: S3Store, location: Location, sha256: str | None, scratch: Path, patience: Patience
) -> Model:
    """All objects below a prefix, in a folder that has its name."""
    from lambda_serving.models.prefix import Prefix

    own = Folder(scratch)
    folder = own.path / location.name
    try:
        Prefix(store, location, folder, patience).fetch()
        patience.rest()
        digest = hash_folder(folder) if sha256 else None
        _verify(digest, sha256, location)
    except BaseException:
        own.remove()
        raise
    return Model(location.name, scratch, path=folder, own_folder=own, sha256=digest)


def hash_folder(folder: Path) -> str:
    """sha256 of the lines "path\\0sha256\\n" of all files below, sorted by path."""
    lines = sorted(
        (file.relative_to(folder).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest())
        for file in folder.rglob("*")
        if file.is_file()
    )
    return hashlib.sha256(b"".join(f"{n}\0{d}\n".encode() for n, d in lines)).hexdigest()


def _verify(digest: str | None, pinned: str | None, location: Location) -> None:
    """Compare the digest where one is pinned.

    Raises:
        ModelVerificationError: they differ.
    """
    if pinned not in (None, digest):
        raise ModelVerificationError(
            f"the model's sha256 is {digest}, pinned is {pinned}", private=str(location)
        )

"""Where a model is, as ``model`` in endpoint.toml says.

Keys are taken literally, as by the AWS CLI: nothing is decoded or normalised. ``%41`` is three
characters, and so are ``+``, ``#``, ``=`` and a space one each. Other characters are sent as UTF-8.
A ``file://`` URL is decoded (RFC 8089).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from lambda_serving.errors import SettingsError

S3_URI = re.compile(r"s3://(?P<bucket>[^/?]+)/(?P<key>.+?)(?:\?versionId=(?P<version>[^&?#]+))?")
ALMOST_VERSION = re.compile(r"\?version_?id=", re.IGNORECASE)
"""What nobody means as a part of a key."""

ADDRESS = "a key of the stack's bucket, s3://bucket/key[?versionId=...], a prefix/ or file:///path"


class Location(NamedTuple):
    """Where a model lies: ``bucket`` is empty for a path of the local file system."""

    bucket: str
    key: str
    version_id: str | None = None

    @property
    def is_prefix(self) -> bool:
        return self.key.endswith("/")

    @property
    def name(self) -> str:
        """The last part of the key: the file's or folder's name on local disk."""
        return PurePosixPath(self.key).name

    def __str__(self) -> str:
        version = f"?versionId={self.version_id}" if self.version_id else ""
        return f"s3://{self.bucket}/{self.key}{version}" if self.bucket else f"file://{self.key}"


def parse_uri(uri: str) -> Location:
    """What ``model`` says; a plain key has no bucket yet.

    Raises:
        ValueError: what was expected instead.
    """
    if uri.startswith("file:///") and len(uri) > len("file:///"):
        return Location("", _unquote(uri[len("file://") :]))
    found = S3_URI.fullmatch(uri)
    if found is None:
        if not uri or uri.startswith("/") or "://" in uri:
            raise ValueError(ADDRESS)
        return Location("", _check_key(uri))
    key, version = found["key"], found["version"]
    if ALMOST_VERSION.search(key) or (version and key.endswith("/")):
        raise ValueError(ADDRESS)
    return Location(found["bucket"], _check_key(key), version)


def _check_key(key: str) -> str:
    """The key, where it can be asked for: no path of a URL or of a disk has such parts."""
    parts = key.removesuffix("/").split("/")
    if {"", ".", ".."} & set(parts) or re.search(r"[\0-\x1f\x7f]", key):
        raise ValueError("a key without empty parts (//), `.`, `..` or control characters")
    return key


def locate_model(uri: str, bucket: str) -> Location:
    """Where ``model`` of endpoint.toml lies; a plain key lies in the stack's ``bucket``.

    ``bucket`` may itself be a ``file:///folder``, for work without any S3.

    Raises:
        SettingsError: it is none; or a plain key, and the stack has no bucket.
    """
    try:
        location = parse_uri(uri)
    except ValueError as error:
        raise SettingsError(f"model: expected {error}, got {uri!r}") from error
    if location.bucket or uri.startswith("file://"):
        return location
    if not bucket:
        raise SettingsError(f"model {uri!r} is a key, but SERVING_MODEL_BUCKET is not set")
    if bucket.startswith("file://"):
        return Location("", f"{_unquote(bucket[len('file://') :]).rstrip('/')}/{uri}")
    return Location(bucket, uri)


def _unquote(path: str) -> str:
    from urllib.parse import unquote  # 2 ms that a plain key need not wait for

    return unquote(path)

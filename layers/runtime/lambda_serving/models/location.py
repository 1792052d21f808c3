"""Where a model lies, by what ``model`` of endpoint.toml says."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from lambda_serving.errors import SettingsError


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
        return f"s3://{self.bucket}/{self.key}" if self.bucket else f"file://{self.key}"


def locate_model(uri: str, bucket: str) -> Location:
    """Parse ``model`` of endpoint.toml, checked; a plain key lies in the stack's ``bucket``.

    ``bucket`` may itself be a ``file:///folder``, for work without any S3.

    Raises:
        SettingsError: a plain key, and the stack has no bucket.
    """
    if uri.startswith("s3://"):
        address, _, query = uri.removeprefix("s3://").partition("?")
        name, _, key = address.partition("/")
        return Location(name, _unquote(key), query.removeprefix("versionId=") or None)
    if uri.startswith("file://"):
        return Location("", _unquote(uri[len("file://") :]))
    if not bucket:
        raise SettingsError(f"model {uri!r} is a key, but SERVING_MODEL_BUCKET is not set")
    if bucket.startswith("file://"):
        return Location("", f"{_unquote(bucket[len('file://') :]).rstrip('/')}/{uri}")
    return Location(bucket, uri)


def _unquote(path: str) -> str:
    from urllib.parse import unquote  # 2 ms that a plain key need not wait for

    return unquote(path)

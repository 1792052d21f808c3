"""Sample requests: files beside an endpoint's code that show what a request holds.

``sample.json`` is the body of a request. A body of bytes is a file ``sample`` with any other
ending, which tells its content type: ``sample.png``; ``sample.bin`` is application/octet-stream.
Further samples lie in the folder ``samples``, each under a name of its own.

This is the only reader of these files. Requests and ordinary cold starts do not import it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from lambda_serving.errors import RequestError, SettingsError
from lambda_serving.messages.encoding import BYTES, JSON, decode_body, is_json
from lambda_serving.messages.envelope import find_envelope
from lambda_serving.settings.runtime import Runtime

DEFAULT = "sample"
"""Name of the sample that stands alone, in ``sample.json``."""

FOLDER = "samples"

CODE = (".py", ".pyi", ".pyc", ".so")
"""Endings of modules: user code may have a module or a package of these names."""


class Sample(NamedTuple):
    """One sample request."""

    name: str
    content: bytes
    content_type: str
    body: dict[str, Any] | bytes
    """The content as ``preprocess`` gets it."""

    @property
    def is_json(self) -> bool:
        return is_json(self.content_type)


def list_samples(folder: Path) -> dict[str, Path]:
    """Name -> file of the samples in an endpoint's folder, ``sample.*`` first.

    Raises:
        SettingsError: two files have the same name.
    """
    found: dict[str, Path] = {}
    alone = (path for path in folder.glob(f"{DEFAULT}.*") if path.stem == DEFAULT)
    for path in [*sorted(alone), *sorted(folder.glob(f"{FOLDER}/*"))]:
        if path.name.startswith(".") or path.suffix in ("", *CODE) or not path.is_file():
            continue
        if path.stem in found:
            raise SettingsError(f"{path.name}: {found[path.stem].name} has the same name")
        found[path.stem] = path
    return found


def read_sample(path: Path, limit: int, runtime: Runtime | None = None) -> Sample:
    """Read one sample, of at most ``limit`` bytes.

    Raises:
        SettingsError: it cannot be a request's body.
    """
    try:
        content = path.read_bytes()
        body = decode_sample(path.name, content, limit, runtime)
    except OSError as error:
        raise SettingsError(f"{path.name}: {error.strerror}") from error
    except RequestError as error:
        raise SettingsError(f"{path.name}: {error.detail}") from error
    if find_envelope(body):
        raise SettingsError(
            f"{path.name}: expected the body alone, got an envelope; bytes are a file of their own,"
            " such as sample.bin"
        )
    return Sample(path.stem, content, find_content_type(path.name), body)


def decode_sample(
    name: str, content: bytes, limit: int, runtime: Runtime | None = None
) -> dict[str, Any] | bytes:
    """The body that the content of a file ``name`` is.

    Raises:
        RequestError: it is none, or over ``limit`` bytes.
    """
    return decode_body(content, find_content_type(name), "", limit, runtime)


def find_content_type(name: str) -> str:
    """The content type of a file, by its ending alone; the same on every machine.

    Without an ending it is JSON.
    """
    if name.endswith(".json") or "." not in name:
        return JSON
    from mimetypes import MimeTypes

    found, encoding = MimeTypes().guess_type(name)
    return BYTES if found is None or encoding is not None else found

"""A fetched model, as bytes, as a path or as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_serving.errors import ModelLoadError
from lambda_serving.models.folder import Folder

if TYPE_CHECKING:
    from lambda_serving.models.download import Download


class Model:
    """Bytes in memory, a big file still on its way, or a file or folder on local disk.

    What is on its way can be read once: as bytes, as a stream or as a path, which stays. Where it
    does not come, reading it raises LoadError.
    """

    def __init__(
        self,
        name: str,
        scratch: Path,
        *,
        data: bytes | None = None,
        download: Download | None = None,
        path: Path | None = None,
        own_folder: Folder | None = None,
        sha256: str | None = None,
    ) -> None:
        self.name = name
        self.is_foreign = False
        """Whether it lies in another bucket than the stack's."""
        self._sha256 = sha256
        self._scratch = scratch
        self._data = data
        self._download = download
        self._path = path
        self._own_folder = own_folder

    @property
    def sha256(self) -> str | None:
        """Where it is known; of a model that is on its way, once it came."""
        return self._sha256 if self._download is None else self._download.sha256

    def read_bytes(self) -> bytes | None:
        """The model's bytes where it is one file, None where it is a folder."""
        if self._data is not None:
            return self._data
        if self._download is not None:
            return self._download.read()
        if self._path is not None and self._path.is_file():
            return self._path.read_bytes()
        return None

    @contextmanager
    def open_source(self, suffix: str = "") -> Iterator[str | bytes]:
        """Bytes, or the path of a file to be read once, from the beginning to the end.

        A folder gives its main file, as ``find_file`` does.
        """
        if self._data is not None:
            yield self._data
        elif self._download is not None:
            with self._download.open_pipe() as path:
                yield path
        else:
            yield str(self.find_file(suffix))

    @property
    def path(self) -> Path:
        """The model as a file or folder on local disk, written there at the first use."""
        if self._path is None:
            self._own_folder = Folder(self._scratch)
            path = self._own_folder.path / self.name
            # Never a half file under its name; the other one is no longer than S3's keys allow.
            partial = path.with_name(".partial")
            if self._download is not None:
                self._download.save(partial)
                self._sha256 = self._download.sha256
            else:
                partial.write_bytes(self._data or b"")
            self._path = partial.replace(path)
            self._data = self._download = None
        return self._path

    @property
    def size(self) -> int:
        """Bytes of the model, all files together."""
        if self._data is not None:
            return len(self._data)
        if self._download is not None:
            return self._download.size
        files = self.path.rglob("*") if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files if file.is_file())

    def find_file(self, suffix: str = "") -> Path:
        """The model's main file: itself, the only one in its folder, or the one named ``model``.

        Raises:
            ModelLoadError: names the files there are.
        """
        if self.path.is_file():
            return self.path
        found = sorted(file for file in self.path.rglob(f"*{suffix}") if file.is_file())
        named = [file for file in found if file.stem == "model"]
        if len(found) == 1 or len(named) == 1:
            return (named or found)[0]
        names = [str(file.relative_to(self.path)) for file in found]
        raise ModelLoadError(
            f"the model's folder: expected one file {suffix or 'of any name'}"
            f" or one named model{suffix}, got {names}"
        )

    def discard(self) -> None:
        """Remove what was written to local disk; leave what is on its way."""
        if self._download is not None:
            self._download.leave()
        if self._own_folder is not None:
            self._own_folder.remove()

"""What is uploaded: the files of a model, cut into parts, each with its digest."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.terminal.errors import CommandError

MIB = 1 << 20
MOST_PARTS = 10_000
"""Parts of one upload (Amazon S3, "Multipart upload limits")."""

PART_SIZE = 8 * MIB

Report = Callable[[int], None]
"""Told of bytes that are done."""


def ignore(size: int) -> None:
    """Bytes that nobody counts."""


@dataclass(frozen=True)
class Part:
    """Bytes [start, start + size) of a file; parts are numbered from 1."""

    number: int
    start: int
    size: int
    digest: bytes
    """sha256."""

    @property
    def checksum(self) -> str:
        """The digest as S3 has it."""
        return base64.b64encode(self.digest).decode()


@dataclass(frozen=True)
class ArtifactFile:
    """One file; `name` is its path in the version's folder."""

    path: Path
    name: str
    size: int
    sha256: str
    parts: tuple[Part, ...]

    def read(self, part: Part) -> bytes:
        """The bytes of a part, as they were when the file was digested.

        Raises:
            CommandError: they are not any more.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(part.start)
                data = file.read(part.size)
        except OSError as error:
            raise CommandError(f"{self.path}: {error.strerror}") from error
        if hashlib.sha256(data).digest() != part.digest:
            raise CommandError(
                f"{self.path} changed while it was being uploaded",
                advice="upload it again when it is written whole",
            )
        return data


@dataclass(frozen=True)
class Artifact:
    """A model: one file, or the files of a folder below the folder's name."""

    source: Path
    files: tuple[ArtifactFile, ...]
    is_folder: bool

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def place(self) -> str:
        """Below the version's folder: the file's name, or the folder's with a slash."""
        return f"{self.source.name}/" if self.is_folder else self.source.name

    @property
    def sha256(self) -> str:
        """Of the file. Of a folder: of its lines "path\\0sha256\\n", sorted by path."""
        if not self.is_folder:
            return self.files[0].sha256
        lines = sorted((file.name.removeprefix(self.place), file.sha256) for file in self.files)
        return hashlib.sha256(b"".join(f"{n}\0{d}\n".encode() for n, d in lines)).hexdigest()


def list_files(source: Path) -> dict[str, Path]:
    """Name in the version's folder -> file. Of a folder all but hidden files.

    Raises:
        CommandError: there is none.
    """
    source = source.resolve()
    if source.is_file():
        return {source.name: source}
    if not source.is_dir():
        raise CommandError(f"there is no file or folder {source}")
    found = {}
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            found[f"{source.name}/{relative.as_posix()}"] = path
    if not found:
        raise CommandError(f"the folder {source} holds no file")
    return found


def read_artifact(source: Path, part_size: int, report: Report) -> Artifact:
    """Read and digest every file."""
    files = tuple(
        digest_file(path, name, part_size, report) for name, path in list_files(source).items()
    )
    return Artifact(source.resolve(), files, source.is_dir())


def digest_file(path: Path, name: str, part_size: int, report: Report) -> ArtifactFile:
    """Read a file once: its sha256 and those of its parts.

    Raises:
        CommandError: it cannot be read.
    """
    whole, start = hashlib.sha256(), 0
    parts: list[Part] = []
    try:
        part_size = max(part_size, -(-path.stat().st_size // MOST_PARTS))
        with path.open("rb") as file:
            # An empty file is one part of nothing.
            while (data := file.read(part_size)) or not parts:
                whole.update(data)
                parts.append(Part(len(parts) + 1, start, len(data), hashlib.sha256(data).digest()))
                start += len(data)
                report(len(data))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    return ArtifactFile(path, name, start, whole.hexdigest(), tuple(parts))

"""Files read and replaced as a whole; what is no readable file of text is told as such."""

import difflib
import json
import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_serving_cli.terminal.errors import CommandError


def read_bytes(path: Path) -> bytes:
    """The content of a regular file.

    A FIFO or a device has no end, or gives its content once: what reads a file twice would hang.

    Raises:
        CommandError: it is not there, is no regular file, or cannot be read.
    """
    try:
        require_regular(path)
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def read_text(path: Path) -> str:
    """The text of a regular file in UTF-8, with its line ends as they are.

    Raises:
        CommandError: as `read_bytes`; or it is not UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path}: not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}",
            advice="save it as UTF-8",
        ) from error


def read_lines(path: Path) -> list[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file; nothing where it is not there or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def parse_json(text: str | bytes) -> Any:
    """The content of a text; None where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    draft.replace(path)


@dataclass(frozen=True)
class Rewrite:
    """A file that follows from others: as it is, "" where there is none, and as it should be."""

    path: Path
    old: str
    new: str

    def apply(self) -> bool:
        """Write it. Returns whether it was not as it should be."""
        if self.old != self.new:
            write_atomically(self.path, self.new)
        return self.old != self.new

    def describe(self) -> str:
        """The difference, "" where there is none."""
        old, new = (text.replace("\r\n", "\n").splitlines(True) for text in (self.old, self.new))
        return "".join(difflib.unified_diff(old, new, self.path.name, "as it should be"))


def require_regular(path: Path) -> None:
    """See that a path that is there is a regular file.

    Raises:
        CommandError: it is something else, such as a folder or a FIFO.
        OSError: it is not there.
    """
    kind = stat.filemode(path.stat().st_mode)[0]
    if kind != "-":
        raise CommandError(f"{path}: expected a file, found {KINDS.get(kind, 'something else')}")


KINDS = {"d": "a folder", "p": "a FIFO", "s": "a socket", "c": "a device", "b": "a device"}
"""The first letter of a mode, as `ls -l` shows it."""

"""Look into pickles and joblib's files without unpickling them."""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

BLOCK = 1 << 20
OVERLAP = 256
"""Bytes of a block that are looked at again with the next one."""

# What stands before a module's name: SHORT_BINUNICODE with its length, or in old protocols GLOBAL.
PACKAGE = re.compile(rb"(?:\x8c.|c)(sklearn|xgboost|lightgbm|torch)\.", re.DOTALL)

SKLEARN_VERSION = re.compile(
    # The key that scikit-learn adds to an estimator's state, memoized or not, and its value:
    # SHORT_BINUNICODE or BINUNICODE (Python, pickletools).
    rb"_sklearn_version(?:\x94|q.|r.{4})?(?:\x8c.|X.\0\0\0)(?=[0-9])",
    re.DOTALL,
)


def find_package(path: Path) -> str | None:
    """The first package of a framework that a pickle names: the one of its outermost object."""
    with closing(read_blocks(path)) as blocks:
        match = PACKAGE.search(next(blocks, b""))
    return match[1].decode() if match else None


def find_sklearn_version(path: Path) -> str | None:
    """The scikit-learn that pickled the first of its estimators in the file."""
    data = b""
    with closing(read_blocks(path)) as blocks:
        for block in blocks:
            data = data[-OVERLAP:] + block
            if match := SKLEARN_VERSION.search(data):
                start = match.end()
                length = data[start - 1] if data[start - 2] == 0x8C else data[start - 4]
                if (
                    len(text := data[start : start + length]) == length
                ):  # else the next block has it
                    return text.decode(errors="replace")
    return None


def read_blocks(path: Path) -> Generator[bytes]:
    """The file's content, decompressed as joblib would; it ends where that is not possible."""
    try:
        with _open(path) as content:
            while block := content.read(BLOCK):
                yield block
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return


def _open(path: Path) -> Any:
    """By the first bytes, as joblib tells its compressions apart."""
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"x"):  # zlib, joblib's own choice
        return _Inflating(path)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if magic.startswith(b"BZ"):
        return bz2.open(path)
    if magic.startswith((b"\xfd7zXZ", b"]\0")):
        return lzma.open(path)
    return path.open("rb")


class _Inflating:
    """A zlib stream as a file that is read from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._inflater = zlib.decompressobj()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """About `size` bytes; none at the end."""
        while not self._inflater.eof and (
            data := self._inflater.unconsumed_tail or self._file.read(size)
        ):
            if block := self._inflater.decompress(data, size):
                return block
        return b""

"""Look into pickles and joblib's files without unpickling them."""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

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
                text = data[start : start + length]
                if len(text) == length:  # else the next block has it
                    return text.decode(errors="replace")
    return None


def read_blocks(path: Path) -> Generator[bytes]:
    """The file's content, decompressed as joblib would; it ends where that is not possible."""
    try:
        with path.open("rb") as file:
            magic = file.read(6)
            file.seek(0)
            if magic.startswith(b"x"):  # zlib, joblib's own choice
                yield from _inflate(file)
                return
            opened = (each(file) for signs, each in COMPRESSIONS if magic.startswith(signs))
            content = next(opened, file)
            while block := content.read(BLOCK):
                yield block
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return


COMPRESSIONS: Any = (
    (b"\x1f\x8b", gzip.open),
    (b"BZ", bz2.open),
    ((b"\xfd7zXZ", b"]\0"), lzma.open),
)
"""A file's first bytes -> what reads it, as joblib tells them apart."""


def _inflate(file: IO[bytes]) -> Generator[bytes]:
    inflater = zlib.decompressobj()
    while not inflater.eof and (data := inflater.unconsumed_tail or file.read(BLOCK)):
        if block := inflater.decompress(data, BLOCK):
            yield block

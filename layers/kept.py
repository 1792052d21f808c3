"""Folders that are filled once for the same inputs, and copied from then on."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

DAYS = 14
"""How long a folder is kept that nobody copies."""


def hash_inputs(source: Path, pins: Mapping[str, NamedTuple]) -> str:
    """What the dependencies of the function in `source` depend on.

    Its requirements may include files that lie beside them, and wheels.
    """
    architecture = os.environ.get("LAMBDA_ARCHITECTURE", "x86_64")
    digest = hashlib.sha256(repr((architecture, sorted(pins.items()))).encode())
    files = [path for path in source.rglob("*") if path.suffix in (".txt", ".whl")]
    for path in [*sorted(files), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(f"\0{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def copy_kept(kept: Path, key: str, fill: Callable[[Path], None], target: Path) -> None:
    """Copy the folder `key` into `target`; `fill` makes it where it is not there yet.

    Several builds may do so at once: one that was as quick is taken as it is.
    """
    folder = kept / key
    if not folder.exists():
        kept.mkdir(parents=True, exist_ok=True)
        remove_unused(kept)
        draft = Path(mkdtemp(prefix="draft-", dir=kept))
        try:
            fill(draft)
            draft.chmod(0o755)
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    os.utime(folder)
    shutil.copytree(folder, target, symlinks=True, dirs_exist_ok=True)


def remove_unused(kept: Path) -> None:
    """Remove folders that no build has asked for lately."""
    for folder in kept.iterdir():
        if folder.stat().st_mtime < time.time() - DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)

"""What a build depends on, as hashes: the folder of each function, and all the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

FUNCTIONS = "functions"


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of what was built or deployed. `functions` maps folders of functions/ to theirs."""

    rest: str
    functions: dict[str, str]

    def find_changes(self, before: Fingerprint | None) -> list[str] | None:
        """The functions that differ from `before`; None where anything else does, too."""
        if before is None or self.rest != before.rest:
            return None
        if self.functions.keys() != before.functions.keys():
            return None
        return [name for name, own in self.functions.items() if own != before.functions[name]]

    def keep(self, before: Fingerprint, names: list[str]) -> Fingerprint:
        """`before`, with what is new of these functions alone."""
        new = {name: self.functions[name] for name in names}
        return Fingerprint(self.rest, {**before.functions, **new})

    def write(self) -> str:
        """As text, the same for the same fingerprint."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def parse_fingerprint(text: str) -> Fingerprint | None:
    """What `write` wrote; None where it is anything else."""
    try:
        return Fingerprint(**json.loads(text))
    except (ValueError, TypeError):
        return None


def take_fingerprint(root: Path, names: tuple[str, ...], *more: str) -> Fingerprint:
    """Of files and folders below `root`; of functions/ each folder on its own."""
    folders = sorted(path for path in (root / FUNCTIONS).glob("*") if path.is_dir())
    functions = {folder.name: hash_files(folder, (".",)) for folder in folders}
    others = [name for name in names if name != FUNCTIONS]
    beside = [path.name for path in (root / FUNCTIONS).glob("*") if path.is_file()]
    beside_functions = hash_files(root / FUNCTIONS, tuple(sorted(beside)))
    return Fingerprint(hash_files(root, tuple(others), beside_functions, *more), functions)


def hash_files(root: Path, names: tuple[str, ...], *more: str) -> str:
    """Hash names and contents of files and folders below `root`, and some strings more."""
    digest = hashlib.sha256("\0".join(more).encode())
    for name in names:
        for path in list_files(root / name):
            digest.update(f"\0{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def list_files(path: Path) -> Iterator[Path]:
    """The file itself or the files below a folder, sorted, without what interpreters leave."""
    if path.is_file():
        yield path
    for found in sorted(path.rglob("*")):
        if found.is_file() and "__pycache__" not in found.parts:
            yield found

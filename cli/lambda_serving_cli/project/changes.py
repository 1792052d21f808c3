"""Changes of several files: all of them happen, or none."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from lambda_serving_cli.terminal.errors import CommandError

Undo = Callable[[], object]


class Changes:
    """Collects what is to be written and removed; nothing happens before `apply`.

    `notes` is what there is to say about them afterwards.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._writes: dict[Path, bytes] = {}
        self._removals: list[Path] = []

    def write(self, path: Path, content: str | bytes) -> None:
        """A file, its folders too. Text is written as it is, its line ends too."""
        self._writes[path] = content.encode() if isinstance(content, str) else content

    def copy(self, source: Path, target: Path) -> None:
        """A file, or a folder with all that is below it, without what interpreters leave."""
        if source.is_file():
            self.write(target, source.read_bytes())
            return
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                self.write(target / path.relative_to(source), path.read_bytes())

    def remove(self, path: Path) -> None:
        """A file or a folder, where it is there."""
        if path.exists():
            self._removals.append(path)

    @property
    def written(self) -> list[Path]:
        return list(self._writes)

    @property
    def removed(self) -> list[Path]:
        return list(self._removals)

    def apply(self) -> None:
        """Do all of it. Readers of a file find the old content or the new one, whole.

        Raises:
            CommandError: one could not be done; what was done by then is undone.
        """
        undos: list[Undo] = []
        graves: list[Path] = []
        try:
            drafts = {path: self._draft(path, undos) for path in self._writes}
            for path, draft in drafts.items():
                self._put(path.resolve(), draft, undos)
            for path in self._removals:
                grave = path.with_name(f".{path.name}.removed.{os.getpid()}")
                path.rename(grave)
                undos.append(partial(grave.rename, path))
                graves.append(grave)
        except BaseException as error:
            for undo in reversed(undos):
                with suppress(OSError):
                    undo()
            if isinstance(error, OSError):
                raise CommandError(f"nothing was changed: {error}") from error
            raise
        for grave in graves:
            shutil.rmtree(grave) if grave.is_dir() else grave.unlink()

    def _draft(self, path: Path, undos: list[Undo]) -> Path:
        """The new content, beside where it goes."""
        missing = [folder for folder in path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            undos.append(folder.rmdir)
        real = path.resolve()
        draft = real.with_name(f".{real.name}.{os.getpid()}")
        undos.append(partial(draft.unlink, True))
        draft.write_bytes(self._writes[path])
        if real.exists():
            shutil.copymode(real, draft)
        return draft

    def _put(self, path: Path, draft: Path, undos: list[Undo]) -> None:
        before = path.read_bytes() if path.exists() else None
        draft.replace(path)
        undos.append(path.unlink if before is None else partial(path.write_bytes, before))

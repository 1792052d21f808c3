"""Streams a big model, without holding all of it in memory.

onnxruntime makes four copies of a model that it gets as bytes, and one of a model that it reads
from a file. A pipe is such a file, and needs no disk (docs/decisions/0019-cold-start.md).
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from lambda_serving.errors import LoadError, ModelLoadError
from lambda_serving.models.patience import Patience

PIECE = 512 * 1024
"""Bytes of a piece, at least. Small enough that the allocator uses their memory again."""

PIPE = 1024 * 1024
"""Bytes; the most that Linux allows by default. A wider pipe switches between threads less."""

AHEAD = 32
"""Pieces that are fetched before anyone reads: while the engine's library is imported."""

DESCRIPTORS = "/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd"
"""Lambda may have no /dev/fd, and a developer's Mac has no /proc."""


class Download:
    """An object's bytes, for one reader; a thread fetches them.

    Args:
        pieces: buffers, in their order.
        size: bytes of all pieces.
        verify: gets their sha256, and raises where it is wrong; None: it is not counted.
        patience: how long the reader waits for a piece.
    """

    def __init__(
        self,
        pieces: Iterable[Any],
        size: int,
        verify: Callable[[str], None] | None,
        patience: Patience | None = None,
    ) -> None:
        self.size = size
        self._patience = patience or Patience()
        self.sha256: str | None = None
        """Once all bytes came, where it is counted."""
        self._verify = verify
        self._error: BaseException | None = None
        self._is_left = False
        self._is_over = False
        self._queue: Queue[Any | None] = Queue(AHEAD)
        Thread(target=self._fetch, args=[pieces], name="model-download", daemon=True).start()

    def _fetch(self, pieces: Iterable[Any]) -> None:
        digest = sha256()
        try:
            for piece in pieces:
                if self._verify is not None:
                    digest.update(piece)
                self._queue.put(piece)
                if self._is_left:
                    return
            if self._verify is not None:
                self.sha256 = digest.hexdigest()
                self._verify(self.sha256)
        except BaseException as error:  # noqa: BLE001  (raised again where the model is read)
            self._error = error
        finally:
            self._queue.put(None)

    def __iter__(self) -> Iterator[Any]:
        """The pieces, once.

        Raises:
            LoadError: after the last piece that came, where they are not all or not the right ones.
        """
        while (piece := self._take()) is not None:
            yield piece
        if self._error is not None:
            raise self._error

    def _take(self) -> Any | None:
        """The next piece; None after the last."""
        if self._is_over:
            return None
        self._patience.note()
        while True:
            try:
                piece = self._queue.get(timeout=self._patience.count_seconds())
                break
            except Empty:
                continue  # until there are no seconds left
            except LoadError:
                self._is_left = self._is_over = True
                raise
        self._is_over = piece is None
        return piece

    def leave(self) -> None:
        """Nobody reads the rest."""
        self._is_left = not self._is_over
        with suppress(LoadError):  # of a piece that does not come
            while self._take() is not None:
                pass

    def read(self) -> bytes:
        """All bytes, in memory once."""
        buffer = io.BytesIO()
        buffer.seek(self.size - 1)  # the whole of it at once: growing would copy
        buffer.write(b"\0")
        buffer.seek(0)
        for piece in self:
            buffer.write(piece)
        return buffer.getvalue()

    def save(self, file: Path) -> None:
        """Write all bytes to a file."""
        with file.open("wb", buffering=0) as out:
            for piece in self:
                write_all(out.fileno(), piece)

    @contextmanager
    def open_pipe(self) -> Iterator[str]:
        """A path that reads as the object's bytes, once and from the beginning to the end.

        Raises:
            LoadError: the download failed, whatever the reader made of it; or it left some unread.
        """
        reader, writer = make_pipe()
        pump = Thread(target=self._pump, args=[writer], name="model-pipe", daemon=True)
        pump.start()
        try:
            yield f"{DESCRIPTORS}/{reader}"
        finally:
            os.close(reader)  # a writer without readers ends
            pump.join()
            if self._error is not None:
                raise self._error
        if self._is_left:
            raise ModelLoadError("only a part of the model was read")

    def _pump(self, writer: int) -> None:
        try:
            for piece in self:
                write_all(writer, piece)
        except BrokenPipeError:
            self.leave()
        except BaseException as error:  # noqa: BLE001  (raised again by open_pipe)
            self._error = error
        finally:
            os.close(writer)


def make_pipe() -> tuple[int, int]:
    """Read end and write end of a pipe, as wide as the system lets us."""
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
        with suppress(OSError):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    return reader, writer


def write_all(descriptor: int, piece: Any) -> None:
    """Write a buffer; the kernel may take less than all at once."""
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

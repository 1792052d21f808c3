"""Fetches a big object by several connections, in order, if one connection is slow.

One connection to S3 has 85 to 90 MB/s ("Performance design patterns for Amazon S3"). A model of
850 MB would take the 10 seconds of Lambda's INIT phase.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from lambda_serving.models.download import PIECE
from lambda_serving.models.patience import Patience

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import S3Store

CONNECTIONS = 8
PART = 8 * 1024 * 1024
"""Bytes of a range; the connections together hold as many of them in memory. Both numbers are
measured (docs/decisions/0019-cold-start.md)."""

FAST = 200_000_000
"""Bytes a second. A connection that gives more stays the only one: several would cost more of the
processor than they save."""


def stream_object(
    store: S3Store, key: str, found: GetResult, options: GetOptions, patience: Patience
) -> Iterator[Any]:
    """The buffers of an object whose first answer is ``found``, got with ``options``.

    That answer shows how fast a connection is, and what it gave is not asked for again. All ranges
    are of the same object, by its ETag.

    Raises:
        PreconditionError: another object took its place meanwhile.
        BaseError, OSError: as obstore has it, of the first range that fails.
    """
    pieces = found.stream(min_chunk_size=PIECE)
    taken, began = 0, monotonic()
    for piece in pieces:
        taken += len(piece)
        yield piece
        if taken >= PART:  # nobody waits for the reader yet: the queue takes more
            break
    if taken > FAST * (monotonic() - began):
        yield from pieces
    else:
        del pieces  # closes the connection
        yield from _stream_ranges(store, key, found, options, patience, start=taken)


def _stream_ranges(
    store: S3Store, key: str, found: GetResult, options: GetOptions, patience: Patience, start: int
) -> Iterator[Any]:
    size, etag = found.meta["size"], found.meta["e_tag"]

    def fetch(start: int) -> list[Any]:
        end = min(start + PART, size)
        part = store.get(key, options={**options, "range": (start, end), "if_match": etag})
        pieces = []
        for piece in part.stream(min_chunk_size=PIECE):
            patience.note()  # the reader waits for the whole range
            pieces.append(piece)
        return pieces

    starts = iter(range(start, size, PART))
    parts: deque[Future[list[Any]]] = deque()
    with ThreadPoolExecutor(CONNECTIONS, "model-range") as pool:
        parts.extend(pool.submit(fetch, start) for start in islice(starts, CONNECTIONS))
        while parts:
            part = parts.popleft().result()
            parts.extend(pool.submit(fetch, start) for start in islice(starts, 1))
            yield from part

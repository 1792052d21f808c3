"""How much memory a request's body may take: imported for bodies that are large, or compressed.

A body is refused before it is read where the function would run out of memory over it, since
Lambda ends the whole environment then (docs/decisions/0030-memory-of-bodies.md).
"""

from __future__ import annotations

from lambda_serving.errors import BodyTooLargeError
from lambda_serving.memory import read_resident_memory, release_memory
from lambda_serving.settings.runtime import MEGABYTE, Runtime

SHARE = 4
"""Of the memory that is free, a quarter stays for what user code makes of the body."""

LEAST_SHARE = 16
"""A sixteenth of the function's memory is there for a body, however full it is."""

COSTS = {
    b"[": 104,  # an empty list, and its slot in another one
    b"{": 72,
    b":": 100,  # a key's place in a dict
    b",": 60,  # a float or an integer
    b'"': 15,  # half of a short string
}
"""Bytes that parsing takes at its peak, orjson's own document included, by the character that
stands for a value. Measured with Python 3.13 and orjson 3.11: of 44 kinds of JSON none took more
than 1.02 times the sum, and usual rows take 0.6 of it."""

PER_BYTE, PER_WIDE_BYTE = 2, 8
"""Bytes that the text itself takes, as it is; and where a character may make Python store all of a
string by four bytes each."""

PIECE = MEGABYTE
"""Bytes that are counted at once: the end of what is too large anyway is not."""


def count_room(runtime: Runtime) -> int:
    """Bytes that a body may take now, decoded and parsed."""
    memory = runtime.memory_mb * MEGABYTE
    # Elsewhere the process holds more than one endpoint, and the machine has more memory.
    used = read_resident_memory() if runtime.has_client else memory // 4
    return max((memory - used) * (SHARE - 1) // SHARE, memory // LEAST_SHARE)


def count_bytes(runtime: Runtime) -> int:
    """Bytes to which a body may be decompressed now: it is held, and copied once."""
    return min(runtime.max_body_bytes, count_room(runtime) // 2)


def check_json(raw: bytes, runtime: Runtime) -> None:
    """See that a body can be parsed within the function's memory.

    Raises:
        BodyTooLargeError: it would take too much.
    """
    room = count_room(runtime)
    size = estimate(raw, room)
    if size <= room:
        return
    release_memory()  # what earlier requests have left over
    room = count_room(runtime)
    if size > room or estimate(raw, room) > room:
        raise BodyTooLargeError(
            f"the body has {len(raw)} bytes of JSON whose values take more memory than is free:"
            f" {room // MEGABYTE} MB of the function's {runtime.memory_mb} MB; a larger MemorySize"
            " helps, or fewer values in a request"
        )


def estimate(raw: bytes, enough: int) -> int:
    """Bytes of memory that parsing takes; counted no further than ``enough``."""
    is_wide = not raw.isascii() or raw.find(b"\\u") >= 0
    size = len(raw) * (PER_WIDE_BYTE if is_wide else PER_BYTE)
    for at in range(0, len(raw), PIECE):
        if size > enough:
            break
        piece = raw[at : at + PIECE]
        size += sum(piece.count(sign) * cost for sign, cost in COSTS.items())
    return size

"""The time limit of a fetch."""

from __future__ import annotations

import math
from time import monotonic

from lambda_serving.errors import ModelFetchError

STALL = 8.0
"""Seconds without a piece (512 KiB at most) of any file. S3 gives a hundred MB in that time, and
INIT has 10 seconds: with more, Lambda would end it without a name for what is wrong."""

MARGIN = 1.0
"""Seconds before the request's end, for the answer."""


class Patience:
    """Until ``deadline`` (of ``time.monotonic``), and never long without a byte.

    Who waits asks it; who fetches tells it what came. What is on its way below a library's call
    cannot be ended: it is left, and ends by itself at its next piece.
    """

    def __init__(self, deadline: float = math.inf) -> None:
        self._end = deadline - MARGIN
        self._heard_at = math.inf
        self._is_over = False

    def note(self) -> None:
        """Something came, or is asked for.

        Raises:
            ModelFetchError: nobody waits any more.
        """
        if self._is_over:
            raise ModelFetchError("the fetch of the model was given up")
        self._heard_at = monotonic()

    def rest(self) -> None:
        """All came: what follows (a digest of gigabytes) needs no network."""
        self._heard_at = math.inf

    def count_seconds(self) -> float | None:
        """Seconds to wait on; None where there is no end.

        Raises:
            ModelFetchError: there are none left.
        """
        end = min(self._end, self._heard_at + STALL)
        if end == math.inf:
            return None
        left = end - monotonic()
        if left > 0:
            return left
        self._is_over = True
        reason = "the request's time is over" if end == self._end else f"too little in {STALL:g} s"
        raise ModelFetchError(f"the model cannot be fetched (Timeout: {reason})")

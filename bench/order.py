"""In what order the rows of a table are measured."""

import random
from collections.abc import Sequence


def shuffle[T](rows: Sequence[T], round_number: int) -> list[T]:
    """All rows, in another order each round, and in the same ones at every run.

    So that none of them always follows the one that left the machine in the worst state.
    """
    return random.Random(round_number).sample(rows, len(rows))

"""One row of docs/faults.md."""

from typing import NamedTuple


class Row(NamedTuple):
    """A fault, and what comes of it; the test that has the row checks what it says."""

    fault: str
    client: str
    """What the client sees: status and type of an answer, or words."""
    log: str
    """Stands in the log."""
    after: str = "the next request is served"
    """Nothing is lost: what goes on."""


NOTHING = "nothing"
"""What the log says where nobody needs to know."""

"""Something that is wrong, and where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with an endpoint, and where."""

    endpoint: str
    where: str
    problem: str

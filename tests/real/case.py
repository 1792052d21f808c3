"""What a real class is asked, and what is right."""

from typing import Any, NamedTuple

import pytest


class Case(NamedTuple):
    """The models of an endpoint by their keys, one request and its answer."""

    models: dict[str, bytes]
    body: Any
    answer: Any


def is_same(answer: Any, expected: Any) -> bool:
    """Whether two values as of JSON agree, numbers to five digits."""
    if isinstance(expected, dict):
        return answer.keys() == expected.keys() and all(
            is_same(answer[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(answer) == len(expected) and all(map(is_same, answer, expected))
    if isinstance(expected, float):
        return bool(answer == pytest.approx(expected, rel=1e-5, abs=1e-6))
    return type(answer) is type(expected) and bool(answer == expected)

"""The circuit breaker: how many requests it takes to be certain."""

from random import Random

import pytest

from lambda_serving.errors import ServingError
from lambda_serving.settings.traffic import CircuitBreakerSettings
from lambda_serving.versions.circuit_breaker import CircuitBreaker

FAILURE = ServingError("no", stage="process")


def list_taken_out(seed: int, requests: int, new: float, old: float) -> list[str]:
    """What is taken out where one of ten goes to version 2; the shares of failures are given."""
    draw, breaker = Random(seed), CircuitBreaker(CircuitBreakerSettings(), lambda *_, **__: None)
    for _ in range(requests):
        is_new = draw.random() < 0.1
        error = FAILURE if draw.random() < (new if is_new else old) else None
        breaker.record_result("2" if is_new else "1", error, None)
    return list(breaker.taken_out)


@pytest.mark.parametrize("seed", range(5))
def test_shares_that_differ_by_chance_take_nobody_out(seed: int) -> None:
    """Six of ten requests are refused by either version, and one of ten goes to version 2."""
    assert list_taken_out(seed, 20_000, new=0.6, old=0.6) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_version_that_fails_more_often_goes_out(seed: int) -> None:
    """Nine of ten requests to version 2 fail, and three of ten to version 1."""
    assert list_taken_out(seed, 2_000, new=0.9, old=0.3) == ["2"]

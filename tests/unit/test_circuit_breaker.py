"""The circuit breaker's failure detector: how many requests it takes to be certain."""

from random import Random

import pytest

from lambda_serving.settings.traffic import CircuitBreakerSettings
from lambda_serving.versions.circuit_breaker import FailureDetector


@pytest.mark.parametrize("seed", range(5))
def test_shares_that_differ_by_chance_take_nobody_out(seed: int) -> None:
    """Six of ten requests are refused by either version, and one of ten goes to version 2."""
    draw, detector = Random(seed), FailureDetector(CircuitBreakerSettings())
    for _ in range(20_000):
        detector.add_result("2" if draw.random() < 0.1 else "1", draw.random() < 0.6)
    assert not detector.failing


@pytest.mark.parametrize("seed", range(5))
def test_a_version_that_fails_more_often_goes_out(seed: int) -> None:
    """Nine of ten requests to version 2 fail, and three of ten to version 1."""
    draw, detector = Random(seed), FailureDetector(CircuitBreakerSettings())
    for _ in range(2_000):
        is_new = draw.random() < 0.1
        detector.add_result("2" if is_new else "1", draw.random() < (0.9 if is_new else 0.3))
    assert list(detector.failing) == ["2"]

"""`lambda-serving stats`: what the runtime's own records add up to, against NumPy."""

import json
import random
from collections import Counter

import numpy as np
import pytest

from lambda_serving.errors import InputError, InternalError
from lambda_serving_cli.statistics.figures import Counter as Sum
from lambda_serving_cli.statistics.figures import (
    Enum,
    Other,
    Scalar,
    Value,
    describe_endpoint,
)
from lambda_serving_cli.statistics.records import LogEvent, Tally, find_record
from lambda_serving_cli.statistics.sample import Bucket, Sample
from tests.unit.stats_log import BUCKETS, VARIABLES, Log, serve


@pytest.mark.parametrize("weights", [[1.0], [4.0], [1.0, 4.0, 1 / 0.3]])
def test_quantiles_are_numpys(weights: list[float]) -> None:
    chance = random.Random(len(weights))
    for size in (1, 2, 10, 99, 100, 1000):
        sample = Sample()
        values = [chance.choice([chance.gauss(0, 5), 7.0]) for _ in range(size)]
        chosen = [chance.choice(weights) for _ in values]
        for value, weight in zip(values, chosen, strict=True):
            sample.add([value], weight, 0)
        shares = [0.01, 0.5, 0.9, 0.99, 1.0]
        expected = np.quantile(values, shares, weights=chosen, method="inverted_cdf")
        assert sample.find_quantiles(*shares) == expected.tolist()
        assert sample.mean == pytest.approx(np.average(values, weights=chosen))


def test_buckets_hold_their_upper_end() -> None:
    sample = Sample()
    sample.add([0.5, 1.0, 1.5, 2.0, 9.0], 2.0, 0)
    assert sample.count_buckets([1.0, 2.0]) == [
        Bucket(None, 1.0, 4.0),
        Bucket(1.0, 2.0, 4.0),
        Bucket(2.0, None, 2.0),
    ]


@pytest.mark.parametrize(
    "values",
    [
        [0.1 * number for number in range(12)],
        [-3.0, 5.0],
        [1e16, 1e16 + 2],
        [0.3, 1e-9, -1e-9],
        [-1e300, 1e300],
        [5e-324, 0.0],
        [1.0, 2.5, 1e9],
    ],
)
def test_buckets_that_nobody_declared_hold_everything(values: list[float]) -> None:
    sample = Sample()
    sample.add(values, 1.0, 0)
    buckets = sample.find_buckets()
    assert sum(bucket.count for bucket in buckets) == len(values)
    assert 1 <= len(buckets) <= 10
    ends = [bucket.to for bucket in buckets]
    assert [bucket.over for bucket in buckets[1:]] == ends[:-1]


def test_one_value_is_one_bucket() -> None:
    sample = Sample()
    sample.add([3.0, 3.0], 1.0, 0)
    assert sample.find_buckets() == [Bucket(3.0, 3.0, 2.0)]


def test_sums_of_the_runtimes_own_records() -> None:
    log, chance = Log(), random.Random(1)
    statistics = log.open()
    bodies = [
        {"x": chance.uniform(0, 6), "y": chance.choice("abcd"), "last": number, "sold": 2}
        for number in range(200)
    ]
    for number, body in enumerate(bodies):
        serve(statistics, body, number=number)
    found = log.describe()
    assert (found.count, found.errors, found.cold_starts) == (200, 0, 1)
    xs = [float(body["x"]) for body in bodies]
    x = found.variables["x"]
    assert isinstance(x, Scalar)
    edges = [-np.inf, *BUCKETS, np.inf]
    assert [bucket.count for bucket in x.buckets] == np.histogram(xs, edges)[0].tolist()
    assert (x.count, x.min, x.max) == (200, min(xs), max(xs))
    assert x.p50 == np.quantile(xs, 0.5, method="inverted_cdf")
    ys = Counter(body["y"] if body["y"] in "ab" else "other" for body in bodies)
    assert found.variables["y"] == Enum({label: ys[label] for label in ("a", "b", "other")})
    assert found.variables["last"] == Value(199, 0, pytest.approx(99.5), 199)
    assert found.variables["sold"] == Sum(400)
    assert list(found.variables) == list(VARIABLES)
    times = [json.loads(event.message)["Latency"] for event in log.events]
    assert found.latency_ms == {
        f"p{percent}": np.quantile(times, percent / 100, method="inverted_cdf")
        for percent in (50, 90, 99)
    }
    assert found.stages_ms == {"process": pytest.approx(1.0)}


def test_a_sampled_record_counts_for_those_that_are_not() -> None:
    log = Log()
    statistics = log.open(frequency=0.25)
    for number in range(400):
        serve(statistics, {"x": 3.0, "y": ["a", "a", "b"], "sold": 1}, number=number)
    found = log.describe()
    assert found.count == pytest.approx(400, abs=4)
    assert found.variables["y"] == Enum({"a": 2 * found.count, "b": found.count})
    assert found.variables["sold"] == Sum(found.count)
    x = found.variables["x"]
    assert isinstance(x, Scalar) and x.count == found.count


def test_what_was_split_off_counts_as_the_record_it_was_split_from() -> None:
    log = Log()
    statistics = log.open(frequency=0.5)
    for number in range(10):
        serve(statistics, {"x": [1.0] * 100 + [3.0] * 150}, number=number)
    found = log.describe()
    assert len(log.events) > found.count / 2
    x = found.variables["x"]
    assert isinstance(x, Scalar) and x.count == 250 * found.count
    assert [bucket.count for bucket in x.buckets] == [100 * found.count, 0, 150 * found.count, 0]


def test_errors_are_exact_and_by_class() -> None:
    log = Log()
    statistics = log.open(frequency=0.25)
    for number in range(40):
        with pytest.raises(InputError), statistics.begin_request(f"request-{number}") as record:
            record.version = "1"
            raise InputError("no")
    with pytest.raises(InternalError), statistics.begin_request("failing"):
        raise InternalError("broken")
    found = log.describe()
    assert (found.errors, found.faults) == (41, 1)
    assert found.errors_by_class == {"InputError": 40, "InternalError": 1}
    assert found.count == pytest.approx(41, abs=4)
    assert (found.versions["1"].errors, found.versions["-"].errors) == (40, 1)


def test_versions_and_endpoints_are_kept_apart() -> None:
    log = Log()
    one, other = log.open(), log.open("f", "t")
    one.record_load("1", 12.0)
    one.record_load("2", 20.0)
    for version in ("1", "2", "2"):
        serve(one, {"x": float(version)}, version)
    serve(other, {})
    one.count("FailedCalls", {"Callee": "f", "Cause": "Timeout"})
    one.count("FailedCalls", {"Callee": "f", "Cause": "Timeout"})
    found = log.describe()
    assert found.count == 3 and found.latency_ms is not None
    assert {name: version.count for name, version in found.versions.items()} == {"1": 1, "2": 2}
    assert (found.model_loads, found.versions["2"].model_load_ms) == (2, 20.0)
    assert found.others == [Other("FailedCalls", {"Callee": "f", "Cause": "Timeout"}, 2)]
    assert log.tally().records == 6
    alone = log.tally("2")
    assert list(alone.endpoints) == ["e"] and alone.records == 2
    assert describe_endpoint(alone.endpoints["e"], {}).count == 2


def test_without_declarations() -> None:
    log = Log()
    statistics = log.open()
    for body in ({"x": 1.0, "y": "b", "last": 5}, {"x": 2.0, "y": "b"}, {"y": "a"}):
        serve(statistics, body)
    found = log.describe({})
    assert found.variables["y"] == Enum({"b": 2.0, "a": 1.0})
    assert isinstance(found.variables["x"], Scalar) and isinstance(found.variables["last"], Scalar)


def test_lines_of_lambdas_json_log_format() -> None:
    log = Log()
    serve(log.open(), {"x": 1.0})
    [event] = log.events
    record = json.loads(event.message)
    assert find_record(event.message + "\n") == record
    assert find_record(json.dumps({"level": "INFO", "message": event.message})) == record
    assert find_record(json.dumps({"level": "INFO", "message": record})) == record


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1 CloudWatchMetrics",
        '{"CloudWatchMetrics": [] ',
        '["CloudWatchMetrics"]',
        '{"message": "CloudWatchMetrics"}',
        '{"_aws": {"CloudWatchMetrics": "none"}}',
        '{"_aws": {"CloudWatchMetrics": [1, {}, {"Dimensions": [1, ["Endpoint"]]}]}}',
        "[" * 100_000 + "CloudWatchMetrics",
    ],
)
def test_other_lines_are_passed_over(line: str) -> None:
    tally = Tally()
    tally.add(LogEvent("s", line))
    assert (tally.records, tally.endpoints) == (0, {})


def test_records_of_others_count_by_their_dimensions() -> None:
    """Powertools' values are lists; a namespace is no matter; no number is no value."""
    metrics = [{"Name": name, "Unit": "None"} for name in ("Latency", "x", "wrong", "absent")]
    directive = {"Namespace": "Mine", "Dimensions": [["Endpoint", "Version"]], "Metrics": metrics}
    foreign = {"Namespace": "Mine", "Dimensions": [["Team"]], "Metrics": metrics}
    record = {
        "_aws": {"Timestamp": None, "CloudWatchMetrics": [directive, foreign]},
        "Endpoint": "e", "Version": "1", "Team": "t",
        "Latency": [3.0, 4.0], "x": [True, 1.5, "2"], "wrong": float("nan"),
    }  # fmt: skip
    log = Log()
    log.events.append(LogEvent("s", json.dumps(record)))
    found = log.describe({})
    assert found.latency_ms == {"p50": 3.0, "p90": 4.0, "p99": 4.0}
    assert list(found.variables) == ["x"]
    assert (found.count, found.others) == (0, [])

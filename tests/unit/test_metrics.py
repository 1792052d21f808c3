"""``[metrics]``: the settings, EMF's limits, and the same lines as Powertools would write."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint_toml import parse_endpoint
from lambda_serving.telemetry.emf import make_records
from tests.emf import check_record, sum_metric

OWN = {"Endpoint": "e", "Version": "1"}


def parse(**metrics: Any) -> Any:
    return parse_endpoint({"endpoint": "e", "engine": "custom", "metrics": metrics}).metrics


def test_defaults() -> None:
    settings = parse_endpoint({"endpoint": "e", "engine": "custom"}).metrics
    assert settings.log_frequency == 1.0 and settings.variables == {}


def test_each_type() -> None:
    x = {"type": "scalar", "buckets": [0, 0.1, 1]}
    y = {"type": "enum", "values": ["cat", 3, True]}
    variables = {"x": x, "y": y, "v": {"type": "value"}, "n": {"type": "counter"}}
    parsed = parse(log_frequency=0.5, variables=variables)
    assert parsed.log_frequency == 0.5
    assert {name: each.type for name, each in parsed.variables.items()} == {
        "x": "scalar",
        "y": "enum",
        "v": "value",
        "n": "counter",
    }
    assert parsed.variables["x"].buckets == (0.0, 0.1, 1.0)
    assert parsed.variables["y"].values == ("cat", "3", "True")


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ({"frequency": 1}, "metrics.frequency: expected one of the keys log_frequency, variables"),
        ({"log_frequency": 1.5}, "a share of the requests from 0 to 1, got 1.5"),
        ({"log_frequency": True}, "a share of the requests from 0 to 1, got True"),
        ({"variables": []}, "metrics.variables: expected tables"),
        ({"variables": {"x": 1}}, "metrics.variables.x: expected a table, got 1"),
        (
            {"variables": {"x": {}}},
            "x.type: expected one of scalar, enum, value, counter, got noth",
        ),
        ({"variables": {"x": {"type": "gauge"}}}, "got 'gauge'"),
        (
            {"variables": {"x": {"type": "value", "buckets": [1]}}},
            "of the type value only the keys",
        ),
        ({"variables": {"x": {"type": "scalar", "buckets": [1, 1]}}}, "each above the one before"),
        ({"variables": {"x": {"type": "scalar", "buckets": ["a"]}}}, "got ['a']"),
        ({"variables": {"x": {"type": "enum"}}}, "x.values: expected the classes"),
        ({"variables": {"x": {"type": "enum", "values": ["Käse"]}}}, "printable ASCII"),
        ({"variables": {"Latency": {"type": "value"}}}, "a name that the record itself does not"),
        ({"variables": {"a=b": {"type": "value"}}}, "a name of A-Z"),
        ({"variables": {f"x{n}": {"type": "value"} for n in range(91)}}, "at most 90"),
    ],
)
def test_wrong_settings_are_told(metrics: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(**metrics)
    assert raised.value.detail.startswith("endpoint.toml: metrics")
    assert told in raised.value.detail


def test_many_metrics_are_split() -> None:
    metrics = {"Count": ("Count", [1.0])}
    metrics |= {f"m{n}": ("None", [float(n)] * (250 if n == 3 else 1)) for n in range(230)}
    records = list(make_records("ns", OWN, metrics, {}, None, {"request_id": "r"}, {}))
    for record in records:
        check_record(record)
    assert len(records) == 5
    for name, (_, values) in metrics.items():
        assert sum_metric(records, name, **OWN) == sum(values)


def test_the_line_is_powertools_own() -> None:
    """Ours is made by hand, for the cold start's sake; of one dimension set they are the same."""
    provider = AmazonCloudWatchEMFProvider(namespace="LambdaServing")
    for name, value in OWN.items():
        provider.add_dimension(name=name, value=value)
    provider.add_metric(name="PreprocessLatency", unit=MetricUnit.Milliseconds, value=1.5)
    provider.add_metric(name="x", unit="None", value=1.0)
    provider.add_metric(name="x", unit="None", value=2.0)
    provider.add_metadata(key="request_id", value="r")
    expected = json.loads(json.dumps(provider.serialize_metric_set()))
    metrics = {"PreprocessLatency": ("Milliseconds", [1.5]), "x": ("None", [1.0, 2.0])}
    (record,) = make_records("LambdaServing", OWN, metrics, {}, None, {"request_id": "r"}, {})
    expected["_aws"].pop("Timestamp"), record["_aws"].pop("Timestamp")
    expected["PreprocessLatency"] = 1.5  # Powertools writes [1.5], which means the same
    assert record == expected

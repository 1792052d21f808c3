"""An endpoint with a variable of each type, and what its records count."""

import json
from collections.abc import Callable
from typing import Any

from tests.events import load_event

TOML = """
endpoint = "meter"
engine = "custom"
[metrics]
log_frequency = {frequency}
[metrics.variables.x0]
type = "scalar"
buckets = [0, 1, 10]
[metrics.variables.animal]
type = "enum"
values = ["cat", "dog", "7"]
[metrics.variables.temperature]
type = "value"
[metrics.variables.bytes]
type = "counter"
[version.2]
"""
CODE = """
import numpy as np

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        if data.get("fails"):
            raise {"value": ValueError, "key": KeyError}[data["fails"]]("as asked")
        if data.get("raises"):
            raise type(data["raises"], (Exception,), {})("as asked")
        if data.get("long"):
            return {"text": "x" * data["long"]}
        BUFFER[:] = 1, 2
        LOOKS[:] = 0
        state["sampled"] = collect_custom_statistics_fn is not None
        for values in data.get("collect", []):
            if collect_custom_statistics_fn:
                collect_custom_statistics_fn(VALUES[values] if isinstance(values, str) else values)
        if "arguments" in data:
            collect_custom_statistics_fn(*data["arguments"], **data.get("named", {}))
        BUFFER[:] = 0
        return {"animal": data.get("animal", "cat"), "sampled": state["sampled"]}

class Evil:
    def tolist(self):
        raise RuntimeError("no list")
    @property
    def __dict__(self):
        raise RuntimeError("no dict")
    def __str__(self):
        raise RuntimeError("no text")

class Nest:
    def __init__(self, *items):
        self.items = items
    def tolist(self):
        LOOKS[0] += 1
        return list(self.items)

LOOKS = np.array([0])
NESTS = {"lists": [Nest(*[Nest(1)] * 500)] * 500, "empty": [Nest(*[Nest()] * 500)] * 500}
BUFFER = np.array([1.0, 2.0])
VALUES = {
    "reused": {"x0": BUFFER, "note": BUFFER},
    "array": {"x0": np.arange(250, dtype=np.float32)},
    "scalar": {"x0": np.float64(2.5), "temperature": np.int64(7)},
    "huge": {"x0": np.zeros(10**7)},
    "nan": {"x0": float("nan")},
    "evil": {"x0": Evil(), "animal": Evil(), "note": Evil()},
    "classes": {"animal": np.array(["cat", "dog", "cat", "newt"])},
    "no_dict": ["x0", 1],
    "reserved": {"Latency": 1, "_aws": {}, "request_id": "mine"},
    "text": {"x0": "5.1", "temperature": None, "bytes": True},
    "undeclared": {"note": "hello", "numbers": np.array([1.5, float("inf")]), 7: {"a": (1, 2)}},
    "long": {"note": "x" * 100_000, "kept": "y"},
    "looks": {"looks": LOOKS},
    **{f"{name} {key}": {key: NESTS[name]} for name in NESTS for key in ("x0", "animal", "bytes")},
    "column": {"x0": np.arange(1000, dtype=np.float32).reshape(-1, 1).tolist()},
    "seven": {"animal": np.float32(7)},
    "many": {f"note{number}": number for number in range(500)},
}
"""
Meter = Callable[..., list[dict[str, Any]]]
OWN = {"Endpoint": "meter", "Version": "1"}


def list_metrics(record: dict[str, Any]) -> set[tuple[str, ...]]:
    """(metric, dimension, ...) of everything that the record counts."""
    return {
        (metric["Name"], *dimensions)
        for directive in record["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def post(path: str = "/serve/meter", **body: Any) -> dict[str, Any]:
    event = load_event("http_post_json") | {"body": json.dumps(body), "rawPath": path}
    event["requestContext"] = event["requestContext"] | {"requestId": "from-gateway"}
    event["requestContext"]["http"] = event["requestContext"]["http"] | {"path": path}
    return event

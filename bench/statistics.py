"""What statistics add to a request: the same endpoint with and without them, in turns, in one run.

    uv run python -m bench.statistics [--rounds 30]

An iris model under the real handler, by direct invoke and by HTTP, in this process; records go to
/dev/null as Lambda's go to its log. Prints medians in microseconds, and the ratio.
"""

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

PROJECT = Path(__file__).parents[1]
BODY = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
CONTEXT = SimpleNamespace(
    aws_request_id="2f1d6a4e-0000-4000-8000-000000000001",
    function_name="bench",
    get_remaining_time_in_millis=lambda: 29_000,
)
METRICS = """
[metrics.variables.sepal_length]
type = "scalar"
[metrics.variables.petal_length]
type = "scalar"
[metrics.variables.species]
type = "enum"
values = ["setosa", "versicolor", "virginica"]
"""
REQUESTS = 200
"""Of one row in one round."""


def start(folder: Path, models: Path, **env: str) -> Callable[[Any], Any]:
    """A handler of its own, as after a cold start."""
    os.environ |= {
        "LAMBDA_TASK_ROOT": str(folder),
        "SERVING_MODEL_BUCKET": models.as_uri(),
        "POWERTOOLS_METRICS_DISABLED": "",
        **env,
    }
    sys.modules.pop("lambda_serving.handler", None)
    handler = importlib.import_module("lambda_serving.handler").lambda_handler
    return lambda event: handler(event, CONTEXT)


def write_endpoint(folder: Path, metrics: str) -> Path:
    """The example iris_onnx with ``metrics`` in the place of its own."""
    folder.mkdir()
    source = PROJECT / "functions" / "iris_onnx"
    text = (source / "endpoint.toml").read_text().partition("[metrics]")[0]
    (folder / "endpoint.toml").write_text(text + metrics)
    (folder / "preprocess.py").write_text((source / "preprocess.py").read_text())
    return folder


def measure(ask: Callable[[], Any]) -> list[float]:
    """Microseconds of each of REQUESTS requests."""
    took = []
    for _ in range(REQUESTS):
        started = perf_counter()
        ask()
        took.append((perf_counter() - started) * 1e6)
    return took


def make_rows(scratch: Path, models: Path) -> dict[str, Callable[[], Any]]:
    event = json.loads((PROJECT / "events" / "http_iris_onnx.json").read_text())
    plain = write_endpoint(scratch / "plain", "")
    off = start(plain, models, POWERTOOLS_METRICS_DISABLED="true")
    on = start(plain, models)
    full = start(write_endpoint(scratch / "full", METRICS), models)
    rows: dict[str, Callable[[], Any]] = {}
    for entrance, payload in (("invoke", BODY), ("http", event)):
        for name, handler in (("off", off), ("on", on), ("3 variables", full)):
            rows[f"{entrance}, {name}"] = lambda handler=handler, payload=payload: handler(payload)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    models = PROJECT / ".local" / "models"
    out, sys.stdout = sys.stdout, Path(os.devnull).open("w")  # noqa: SIM115  (until the end)
    with tempfile.TemporaryDirectory() as scratch:
        rows = make_rows(Path(scratch), models)
        took: dict[str, list[float]] = {name: [] for name in rows}
        for number in range(rounds + 1):
            for name, ask in rows.items():
                measured = measure(ask)
                if number:  # the first warms up
                    took[name] += measured
    out.write("| request | median µs | over off | ratio |\n| --- | ---: | ---: | ---: |\n")
    for name, values in took.items():
        median = statistics.median(values)
        base = statistics.median(took[f"{name.partition(',')[0]}, off"])
        out.write(f"| {name} | {median:.1f} | {median - base:+.1f} | {median / base:.2f} |\n")


if __name__ == "__main__":
    main()

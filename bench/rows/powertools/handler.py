"""Ours without statistics, and a record of Powertools after each request: what such a record adds.

POWERTOOLS_METRICS_DISABLED switches off both: ours reads it at import, Powertools at each record.
"""

import os
from time import perf_counter

from lambda_serving.handler import lambda_handler as serve

os.environ.pop("POWERTOOLS_METRICS_DISABLED", None)

from aws_lambda_powertools import Metrics  # noqa: E402
from aws_lambda_powertools.metrics import MetricUnit  # noqa: E402

metrics = Metrics(namespace="Bench")
metrics.set_default_dimensions(Endpoint="iris_onnx", Version="1")


def lambda_handler(event, context):
    started = perf_counter()
    answer = serve(event, context)
    write_record((perf_counter() - started) * 1000)
    return answer


def write_record(milliseconds: float) -> None:
    """Five metrics and two dimensions, as ours has them."""
    metrics.add_metric("Count", MetricUnit.Count, 1)
    for name in ("Latency", "PreprocessLatency", "ProcessLatency", "PostprocessLatency"):
        metrics.add_metric(name, MetricUnit.Milliseconds, milliseconds)
    metrics.flush_metrics()

"""What a record of statistics adds to a request: of one endpoint without them, with them, with
variables, and with a record of Powertools instead."""

import shutil
from pathlib import Path

from bench.findings import OFF, POWERTOOLS
from bench.hot_path import Row
from bench.places import Places, copy_rows
from tests.servers.lambda_process import HANDLER

VARIABLES = """
[metrics.variables.sepal_length]
type = "scalar"
[metrics.variables.petal_length]
type = "scalar"
[metrics.variables.species]
type = "enum"
values = ["setosa", "versicolor", "virginica"]
"""
DISABLED = {"POWERTOOLS_METRICS_DISABLED": "true"}


def make_rows(places: Places) -> list[Row]:
    """Each kind by direct invoke and by HTTP, on the built layers."""
    plain = write_endpoint(places, "plain", "")
    full = write_endpoint(places, "full", VARIABLES)
    powertools = copy_rows("powertools", write_endpoint(places, "powertools", ""))
    layers = places.functions["iris_onnx"].layers
    kinds = (
        (OFF, plain, HANDLER, DISABLED),
        ("on", plain, HANDLER, {}),
        ("on, 3 variables", full, HANDLER, {}),
        (POWERTOOLS, powertools, "handler.lambda_handler", DISABLED),
    )
    return [
        Row(f"{source}, {kind}", code, layers, f"{source}_iris_onnx", handler, environment)
        for source in ("invoke", "http")
        for kind, code, handler, environment in kinds
    ]


def write_endpoint(places: Places, name: str, metrics: str) -> Path:
    """The built iris_onnx with ``metrics`` in the place of its own."""
    folder = places.scratch / "records" / name
    shutil.copytree(places.functions["iris_onnx"].code, folder)
    file = folder / "endpoint.toml"
    text = file.read_text().partition("[metrics]")[0]
    file.unlink()  # it may be linked, and it may be read-only
    file.write_text(text + metrics)
    return folder

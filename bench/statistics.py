"""What statistics add to a request: one endpoint without them, with them, and with variables."""

import shutil
from pathlib import Path

from bench.hot_path import Row
from bench.places import Places
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
OFF = {"POWERTOOLS_METRICS_DISABLED": "true"}


def make_rows(places: Places) -> list[Row]:
    """Each kind by direct invoke and by HTTP, on the built layers."""
    plain = write_endpoint(places, "plain", "")
    full = write_endpoint(places, "full", VARIABLES)
    layers = places.functions["iris_onnx"].layers
    kinds = (("off", plain, OFF), ("on", plain, {}), ("on, 3 variables", full, {}))
    return [
        Row(f"{entrance}, {kind}", code, layers, f"{entrance}_iris_onnx", HANDLER, environment)
        for entrance in ("invoke", "http")
        for kind, code, environment in kinds
    ]


def write_endpoint(places: Places, name: str, metrics: str) -> Path:
    """The built iris_onnx with ``metrics`` in the place of its own."""
    folder = places.scratch / "statistics" / name
    shutil.copytree(places.functions["iris_onnx"].code, folder)
    file = folder / "endpoint.toml"
    text = file.read_text().partition("[metrics]")[0]
    file.unlink()  # it may be linked, and it may be read-only
    file.write_text(text + metrics)
    return folder

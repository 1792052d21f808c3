"""What a cold start imports: a ceiling that must not rise unnoticed. No timings here."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import lambda_serving
from tests.functional.pipelines import post
from tests.servers.s3 import S3Server

HEAVY = (
    "fastapi", "starlette", "pydantic", "boto3", "botocore", "mangum", "asyncio", "sklearn",
    "aws_lambda_powertools",
)  # fmt: skip
"""Each costs 40 to 350 ms at import (measured; docs/decisions/0005-thin-app.md)."""

PROBE = """
import json, sys
from types import SimpleNamespace
absent, events = map(json.loads, sys.argv[1:])
sys.modules |= dict.fromkeys(absent)
from lambda_serving.handler import lambda_handler
context = SimpleNamespace(
    aws_request_id="r", function_name="shop-e", get_remaining_time_in_millis=lambda: 1000
)
for event in events:
    answer = lambda_handler(event, context)
    assert answer.get("statusCode", 200) == 200, answer
names = [name for name, module in sys.modules.items() if module is not None]
print(*names)
"""
NO_LAYER_HAS = ("pandas", "pyarrow", "dask", "matplotlib", "cudf", "polars")
"""What engines' libraries import where the tests' environment happens to have it."""

NOT_COUNTED = {
    *("_distutils_hack", "sitecustomize", "lambda_serving_cli", "lambda_serving_cli.openmp"),
} | {
    f"lambda_serving.{file.parent.name}".removesuffix(".lambda_serving")
    for file in Path(lambda_serving.__file__).parent.rglob("__init__.py")
}
"""What the tests' environment imports at each start of Python, and packages: their __init__ is a
docstring (tests/unit/test_imports.py)."""


def list_imports(
    task_root: Path, models: Path, *events: Any, absent: Iterable[str] = NO_LAYER_HAS, **env: str
) -> tuple[int, set[str]]:
    """How many modules, and which, a function has imported after its cold start and `events`.

    Packages are not counted.

    The models come from an S3, as on Lambda; what is `absent` cannot be imported.
    """
    with S3Server() as s3:
        s3.put_folder("models", models)
        probe = subprocess.run(
            [sys.executable, "-c", PROBE, json.dumps([*absent]), json.dumps(events)],
            env={
                "LAMBDA_TASK_ROOT": str(task_root),
                "SERVING_MODEL_BUCKET": "models",
                "AWS_ENDPOINT_URL": s3.endpoint,
                "AWS_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                # As on Lambda, where log lines are ours.
                "AWS_LAMBDA_FUNCTION_NAME": "shop-e",
                **env,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert probe.returncode == 0, probe.stderr
    names = set(probe.stdout.splitlines()[-1].split())
    return len(names - NOT_COUNTED), names


ENGINES = {
    "onnx": {"onnxruntime"},
    "sklearn": {"sklearn", "joblib", "skops"},
    "xgboost": {"xgboost"},
    "lightgbm": {"lightgbm"},
}
"""engine -> top-level modules that no endpoint of another engine imports."""

CEILINGS = {
    ("onnx", "iris_onnx/1/model.onnx"): 283,
    ("sklearn", "iris_sklearn/1/model.joblib"): 1325,
    ("xgboost", "iris_xgboost/1/model.ubj"): 582,
    ("lightgbm", "iris_lightgbm/1/model.txt"): 554,
    ("custom", ""): 175,
}
"""(engine, model) -> modules of a cold start; some ten more than were counted."""

HTTP_CEILING = 16
"""Modules that a first request by HTTP brings: Mangum's event sources, without asyncio."""


def write_toml(engine: str, model: str) -> str:
    return f'endpoint = "e"\nengine = "{engine}"\n' + (
        f'model = "{model}"\nallow_pickle = true\n' if model else ""
    )


@pytest.mark.parametrize(("engine", "model"), CEILINGS)
def test_cold_start_imports(make_folder, example_models: Path, engine: str, model: str) -> None:
    folder = make_folder(write_toml(engine, model), None)
    # No layer but scikit-learn's holds it, and XGBoost and LightGBM do without.
    others = set.union(*ENGINES.values()) - ENGINES.get(engine, set())
    absent = {*NO_LAYER_HAS, *others}
    count, names = list_imports(folder, example_models, absent=absent)
    # joblib, in scikit-learn's layer alone, imports asyncio.
    allowed = ENGINES.get(engine, set()) | ({"asyncio"} if engine == "sklearn" else set())
    assert names & set(HEAVY) - allowed == set()
    assert not names & others
    assert names >= ENGINES.get(engine, {"lambda_serving"}) - {"skops"}
    assert ("obstore" in names) == bool(model)
    assert ("numpy" in names) == (engine != "custom")
    assert count <= CEILINGS[engine, model]


def test_first_request_by_http_imports(make_folder, models: Path) -> None:
    code = "class Preprocess:\n    def process(self, data, *_):\n        return data\n"
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', code)
    before, _ = list_imports(folder, models)
    count, names = list_imports(folder, models, post("/serve/e", a=1))
    assert "mangum.handlers" in names
    assert names & set(HEAVY) == set()
    assert count - before <= HTTP_CEILING


DROPPED = ("tempfile", "random", "shutil", "bz2", "lzma", "ssl", "email", "http", "subprocess")
"""Of the standard library: 0.5 to 7 ms each (docs/decisions/0019-cold-start.md)."""


def test_cold_start_of_onnx_leaves_out_what_it_does_not_need(make_folder, models: Path) -> None:
    folder = make_folder('endpoint = "e"\nengine = "onnx"\nmodel = "adder.onnx"\n', None)
    _, names = list_imports(folder, models)
    assert not names & set(DROPPED)


FOR_FEW = {
    f"lambda_serving.{name}"
    for name in (
        "settings.traffic", "settings.auto_update", "versions.traffic_split",
        "versions.circuit_breaker", "versions.registry_watcher", "user_code.isolation",
        "calls.send_request",
    )
}  # fmt: skip
"""Of the features that an endpoint has only where its endpoint.toml says so."""


def test_features_that_are_not_used_are_not_imported(make_folder, models: Path) -> None:
    code = "class Preprocess:\n    def process(self, data, *_):\n        return data\n"
    toml = 'endpoint = "e"\nengine = "custom"\n'
    _, names = list_imports(make_folder(toml, code), models)
    assert not names & FOR_FEW
    traffic = '[traffic]\nweights = { "1" = 0.5, "2" = 0.5 }\n[version.2]\n'
    _, names = list_imports(make_folder(toml + traffic, code), models, post("/serve/e/2", a=1))
    assert {f"lambda_serving.versions.{n}" for n in ("traffic_split", "circuit_breaker")} < names
    assert "lambda_serving.user_code.isolation" in names


INVOKE = {"a": 1}


@pytest.mark.parametrize("disabled", ["true", ""])
def test_requests_import_nothing(make_folder, models: Path, disabled: str) -> None:
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    env = {"POWERTOOLS_METRICS_DISABLED": disabled}
    before = list_imports(folder, models, **env)
    after = list_imports(folder, models, INVOKE, **env)
    assert after == before


STATISTICS = {
    f"lambda_serving.telemetry.{name}" for name in ("statistics", "record", "writer", "emf")
}


def test_statistics_are_imported_where_they_are_on(make_folder, models: Path) -> None:
    """What endpoint.toml says under [metrics] is checked all the same, by their types."""
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    off = {"POWERTOOLS_METRICS_DISABLED": "true"}
    assert not list_imports(folder, models, INVOKE, **off)[1] & STATISTICS
    assert list_imports(folder, models)[1] >= STATISTICS


POWERTOOLS = "aws_lambda_powertools.logging.formatter"


def test_log_lines_import_powertools(make_folder, models: Path) -> None:
    """The first of them does, and the cold start of who calls others: a failed call's line is
    written in the last moment."""
    code = "class Preprocess: pass\n"
    toml = 'endpoint = "e"\nengine = "custom"\n'
    silent = make_folder(toml, code)
    assert POWERTOOLS not in list_imports(silent, models, INVOKE)[1]
    talks = make_folder(toml, f"import logging\nlogging.getLogger().info('here')\n{code}")
    assert POWERTOOLS in list_imports(talks, models)[1]
    calls = make_folder(f'{toml}calls = ["other"]\n', code)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert POWERTOOLS in list_imports(calls, models, **keys)[1]


def test_tracing_is_imported_where_it_is_on(make_folder, models: Path) -> None:
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    _, names = list_imports(folder, models, INVOKE, SERVING_TRACING="Disabled")
    assert "lambda_serving.telemetry.tracing" not in names
    _, names = list_imports(folder, models, SERVING_TRACING="Active")
    assert "lambda_serving.telemetry.tracing" in names
    assert not names & {"aws_xray_sdk", "asyncio", "botocore"}


def test_the_command_line_starts_without_what_few_commands_need() -> None:
    """botocore alone takes longer than all the rest."""
    code = "import sys, lambda_serving_cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"boto3", "botocore", "numpy", "onnxruntime", "sklearn", "uvicorn", "samcli"}
    assert not set(done.stdout.split()) & heavy

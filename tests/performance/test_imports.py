"""What a cold start imports: a ceiling that must not rise unnoticed. No timings here."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "fastapi", "starlette", "pydantic", "boto3", "botocore", "mangum", "asyncio", "sklearn",
    "aws_lambda_powertools",
)  # fmt: skip
"""Each costs 40 to 350 ms at import (measured; docs/decisions/0005-thin-app.md)."""

PROBE = """
import sys
from types import SimpleNamespace
from lambda_serving.handler import lambda_handler
if len(sys.argv) > 1:
    context = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 1000)
    lambda_handler({"a": 1}, context)
print(len(sys.modules), *sys.modules)
"""


def list_imports(
    task_root: Path, models: Path, *, requests: bool = False, **env: str
) -> tuple[int, set[str]]:
    """How many modules, and which, the cold start of a function has imported.

    With ``requests``, after a first direct invoke.
    """
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, *["request"] * requests],
        env={
            "LAMBDA_TASK_ROOT": str(task_root),
            "SERVING_MODEL_BUCKET": f"file://{models}",
            # As on Lambda, where log lines are ours.
            "AWS_LAMBDA_FUNCTION_NAME": "shop-e",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    count, *names = answer.stdout.splitlines()[-1].split()
    return int(count), set(names)


@pytest.mark.parametrize(
    ("engine", "absent", "ceiling"),
    [
        ("onnx", HEAVY, 330),
        ("custom", (*HEAVY, "numpy", "onnxruntime"), 180),
    ],
)
def test_cold_start_imports(
    make_folder, models: Path, engine: str, absent: tuple[str, ...], ceiling: int
) -> None:
    folder = make_folder(f'endpoint = "e"\nengine = "{engine}"\nmodel = "adder.onnx"\n', None)
    count, names = list_imports(folder, models)
    assert not names & set(absent)
    assert count <= ceiling


ENGINES = {
    "onnx": {"onnxruntime"},
    "sklearn": {"sklearn", "joblib", "skops"},
    "xgboost": {"xgboost"},
    "lightgbm": {"lightgbm"},
}
"""engine -> top-level modules that no endpoint of another engine imports."""

DROPPED = ("tempfile", "random", "shutil", "bz2", "lzma", "ssl", "email", "http", "subprocess")
"""Of the standard library: 0.5 to 7 ms each (docs/decisions/0019-cold-start.md)."""


@pytest.mark.parametrize(
    ("engine", "model"),
    [
        ("onnx", "iris_onnx/1/model.onnx"),
        ("sklearn", "iris_sklearn/1/model.joblib"),
        ("xgboost", "iris_xgboost/1/model.ubj"),
        ("lightgbm", "iris_lightgbm/1/model.txt"),
    ],
)
def test_no_other_engine_is_imported(
    make_folder, example_models: Path, engine: str, model: str
) -> None:
    folder = make_folder(f'endpoint = "e"\nengine = "{engine}"\nmodel = "{model}"\n', None)
    _, names = list_imports(folder, example_models)
    libraries = set.union(*ENGINES.values())
    # XGBoost and LightGBM look for scikit-learn, which the tests' environment has.
    allowed = ENGINES[engine] | (ENGINES["sklearn"] if engine in ("xgboost", "lightgbm") else set())
    assert ENGINES[engine] & names
    assert not names & (libraries - allowed)
    assert not names & {"fastapi", "starlette", "boto3", "botocore", "mangum"}


def test_cold_start_of_onnx_leaves_out_what_it_does_not_need(make_folder, models: Path) -> None:
    folder = make_folder('endpoint = "e"\nengine = "onnx"\nmodel = "adder.onnx"\n', None)
    _, names = list_imports(folder, models)
    assert not names & set(DROPPED)


@pytest.mark.parametrize("disabled", ["true", ""])
def test_requests_import_nothing(make_folder, models: Path, disabled: str) -> None:
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    env = {"POWERTOOLS_METRICS_DISABLED": disabled}
    before = list_imports(folder, models, **env)
    after = list_imports(folder, models, requests=True, **env)
    assert after == before


STATISTICS = {f"lambda_serving.{name}" for name in ("statistics", "record", "emf", "metric_types")}


def test_statistics_are_imported_where_they_are_on(make_folder, models: Path) -> None:
    """What endpoint.toml says under [metrics] is checked all the same, by their types."""
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    off = {"POWERTOOLS_METRICS_DISABLED": "true"}
    assert not list_imports(folder, models, requests=True, **off)[1] & STATISTICS
    assert list_imports(folder, models)[1] >= STATISTICS


POWERTOOLS = "aws_lambda_powertools.logging.formatter"


def test_log_lines_import_powertools(make_folder, models: Path) -> None:
    """The first of them does, and the cold start of who calls others: a failed call's line is
    written in the last moment."""
    code = "class Preprocess: pass\n"
    toml = 'endpoint = "e"\nengine = "custom"\n'
    silent = make_folder(toml, code)
    assert POWERTOOLS not in list_imports(silent, models, requests=True)[1]
    talks = make_folder(toml, f"import logging\nlogging.getLogger().info('here')\n{code}")
    assert POWERTOOLS in list_imports(talks, models)[1]
    calls = make_folder(f'{toml}calls = ["other"]\n', code)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert POWERTOOLS in list_imports(calls, models, **keys)[1]


def test_tracing_is_imported_where_it_is_on(make_folder, models: Path) -> None:
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    _, names = list_imports(folder, models, requests=True, SERVING_TRACING="Disabled")
    assert "lambda_serving.tracing" not in names
    _, names = list_imports(folder, models, SERVING_TRACING="Active")
    assert "lambda_serving.tracing" in names
    assert not names & {"aws_xray_sdk", "asyncio", "botocore"}

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
print(len(sys.modules), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def list_imports(
    task_root: Path, models: Path, *, requests: bool = False, **env: str
) -> tuple[int, set[str]]:
    """How many modules, and which top-level ones, the cold start of a function has imported.

    With ``requests``, after a first direct invoke.
    """
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, *["request"] * requests],
        env={
            "LAMBDA_TASK_ROOT": str(task_root),
            "SERVING_MODEL_BUCKET": f"file://{models}",
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


@pytest.mark.parametrize("disabled", ["true", ""])
def test_statistics_import_nothing(make_folder, models: Path, disabled: str) -> None:
    folder = make_folder('endpoint = "e"\nengine = "custom"\n', None)
    before = list_imports(folder, models)
    env = {"POWERTOOLS_METRICS_DISABLED": disabled}
    after = list_imports(folder, models, requests=True, **env)
    assert after == before

"""What a cold start imports: a ceiling that must not rise unnoticed. No timings here."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("fastapi", "starlette", "pydantic", "boto3", "botocore", "mangum", "asyncio", "sklearn")
"""Each costs 40 to 350 ms at import (measured; docs/decisions/0005-thin-app.md)."""

PROBE = """
import sys
from lambda_serving.handler import lambda_handler
print(len(sys.modules), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def list_imports(task_root: Path, models: Path) -> tuple[int, set[str]]:
    """How many modules, and which top-level ones, the cold start of a function has imported."""
    answer = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={
            "LAMBDA_TASK_ROOT": str(task_root),
            "SERVING_MODEL_BUCKET": f"file://{models}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    count, *names = answer.stdout.split()
    return int(count), set(names)


@pytest.mark.parametrize(
    ("engine", "absent", "ceiling"),
    [
        ("onnx", HEAVY, 330),
        ("custom", (*HEAVY, "numpy", "onnxruntime"), 170),
    ],
)
def test_cold_start_imports(
    make_folder, models: Path, engine: str, absent: tuple[str, ...], ceiling: int
) -> None:
    folder = make_folder(f'endpoint = "e"\nengine = "{engine}"\nmodel = "adder.onnx"\n', None)
    count, names = list_imports(folder, models)
    assert not names & set(absent)
    assert count <= ceiling

"""LightGBM's OpenMP: of a wheel, whatever this machine has itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

FIND = """
import sys

{code}
with open("/proc/self/maps") as maps:
    print(*{{line.split(maxsplit=5)[5].strip() for line in maps if "gomp" in line}}, sep="\\n")
"""

LOADED = "/memfd:libgomp.so.1 (deleted)"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is the system's")
@pytest.mark.parametrize(
    "code",
    [
        "import lightgbm",
        "import sklearn.ensemble, lambda_serving.engines.lightgbm",
    ],
)
def test_openmp_is_that_of_a_wheel(code: str) -> None:
    """Once, and no library of the system's beside it."""
    done = subprocess.run(
        [sys.executable, "-c", FIND.format(code=code)], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert found.count(LOADED) == 1
    assert all(Path(sys.prefix) in Path(name).parents for name in found if name != LOADED)


def test_it_is_loaded_for_lightgbm_alone() -> None:
    code = FIND.format(code="import json\nassert 'ctypes' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_an_example_names_the_library_that_is_missing(tmp_path: Path) -> None:
    """And what brings it, where the loader finds none in spite of all."""
    text = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "lightgbm.py").write_text(f"raise OSError({text!r})\n")
    command = [sys.executable, "-m", "examples.prepare_models", "--only", "iris_lightgbm"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "models")],
        cwd=PROJECT, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(
        "iris_lightgbm: the shared library 'libgomp.so.1' is missing: a package of .venv should"
        " bring it (libgomp comes with scikit-learn"
    )

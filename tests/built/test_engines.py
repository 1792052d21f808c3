"""The layers of the engines by themselves: nothing was pruned that a library needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.built import BuiltFunction

IMPORT_ALL = """
import contextlib, importlib, io, json, pkgutil, sys, warnings

warnings.simplefilter("ignore")
folder = sys.argv[1]
sys.path.append(folder)
own = {module.name for module in pkgutil.iter_modules([folder])}
count, missing = 0, {}
for module in pkgutil.walk_packages([folder], onerror=lambda name: None):
    if module.name.rpartition(".")[2] == "__main__":
        continue
    count += 1
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in own:
            missing[module.name] = error.name
    except Exception:
        pass  # for another system or for a library that no layer has
print(json.dumps({"count": count, "missing": missing}))
"""

LOAD_SKOPS = """
import sys

sys.path.append(sys.argv[1])
from skops import io
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
data = io.dumps(model)
assert io.get_untrusted_types(data=data) == []
print(io.loads(data).predict([[-1.0], [2.0]]).tolist())
"""

FIND_OPENMP = """
import sys

sys.path.append(sys.argv[1])
import lightgbm

with open("/proc/self/maps") as maps:
    print(*{line.split()[-1] for line in maps if "gomp" in line})
"""


def run(code: str, layer: Path) -> str:
    """Run code with nothing but the standard library and one layer."""
    interpreter = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        [interpreter, "-I", "-S", "-W", "error", "-c", code, str(layer / "python")],
        env={"LD_LIBRARY_PATH": str(layer / "lib")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=["iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm"])
def layer(request: pytest.FixtureRequest, built: dict[str, BuiltFunction]) -> Path:
    """The layer of an endpoint's engine."""
    return built[request.param].layers[1]


def test_nothing_is_missing_that_the_layer_had(layer: Path) -> None:
    """No module asks in vain for a module of a package that is there."""
    result = json.loads(run(IMPORT_ALL, layer))
    assert result["count"] > 150
    # Leftovers of SciPy's own tests: a script that makes their data.
    result["missing"].pop("scipy.special._precompute.hyp2f1_data", None)
    assert result["missing"] == {}


def test_skops_is_in_the_layer(built: dict[str, BuiltFunction]) -> None:
    assert run(LOAD_SKOPS, built["iris_sklearn"].layers[1]) == "[0, 1]"


def test_lightgbm_brings_its_openmp(built: dict[str, BuiltFunction]) -> None:
    """Lambda's system has no libgomp; that this machine has one must not hide it."""
    layer = built["iris_lightgbm"].layers[1]
    assert run(FIND_OPENMP, layer) == str(layer / "lib" / "libgomp.so.1")

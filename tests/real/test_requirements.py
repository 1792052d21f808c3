"""What a function requires: resolved with its layers, installed without what they bring."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from tests.built.conftest import measure
from tests.built.test_layers import FLAGS_UNCHECKED_HASH, list_sources, read_bytecode
from tests.real.project import (
    FUNCTIONS,
    list_packages,
    run_make,
    run_sam_build,
    write_project,
)
from tests.servers.built import PROJECT, BuiltFunction
from tests.summary import LIMIT
from tests.template.test_requirements import read_pins

PANDAS = {"pandas", "python-dateutil"}
PACKED = {
    "churn": PANDAS,  # beside scikit-learn; scikit-learn itself is listed, and in the layer
    "fraud": PANDAS,  # beside XGBoost
    "demand": PANDAS,  # beside LightGBM
    "credit": {"scikit-learn", "joblib", "threadpoolctl"},  # XGBoost is listed, and in the layer
    "photos": {"pillow"},
    "scans": {"opencv-python-headless"},
    "sentences": {"tokenizers", "huggingface-hub"},
    "tracked": {"clearml", "pillow", "numpy"},
    "stubbed": {"numpy"},  # pydantic is in the runtime's layer
}
"""Endpoint -> some of what must be packed into its function."""

Build = Callable[..., tuple[int, str]]


@pytest.fixture
def build_one(tmp_path: Path) -> Build:
    """build_one(endpoint, requirements, by_sam=…) -> exit code and log."""

    def build(endpoint: str, requirements: str, by_sam: bool = False) -> tuple[int, str]:
        root = tmp_path / "project"
        if not root.exists():
            functions = copytree(FUNCTIONS / endpoint, tmp_path / "functions" / endpoint).parent
            write_project(root, functions)
        (root / "functions" / endpoint / "requirements.txt").write_text(requirements)
        done = run_sam_build(root) if by_sam else run_make(root, endpoint)
        return done.returncode, done.stdout + done.stderr

    return build


@pytest.mark.parametrize("endpoint", PACKED)
def test_size_and_content(real: dict[str, BuiltFunction], endpoint: str) -> None:
    function = real[endpoint]
    assert sum(map(measure, [function.code, *function.layers])) <= LIMIT
    packed = list_packages(function.code)
    assert packed.keys() >= PACKED[endpoint]
    brought: dict[str, str] = {}
    for layer in function.layers:
        brought |= list_packages(layer / "python")
    assert packed.keys() & brought.keys() == set()
    names = {path.name for path in function.code.iterdir() if path.name != "__pycache__"}
    for layer in function.layers:
        assert names.isdisjoint(path.name for path in (layer / "python").iterdir())
    assert names.isdisjoint({"requirements.txt", "xgboost", "nvidia", "bin"})


@pytest.mark.parametrize("endpoint", PACKED)
def test_bytecode(real: dict[str, BuiltFunction], endpoint: str) -> None:
    """As in layers: for every module, never checked, with its place on Lambda."""
    code = real[endpoint].code
    for source in list_sources([code]):
        if "lib2to3" in source.parts:
            continue
        magic, flags, compiled = read_bytecode(source)
        assert (magic, flags) == (importlib.util.MAGIC_NUMBER, FLAGS_UNCHECKED_HASH), source
        assert compiled.co_filename == f"/var/task/{source.relative_to(code)}"


CONFLICTS = [
    (
        "house_price",
        "# ours\npandas\nnumpy<2\n",
        ["numpy<2 in functions/house_price/requirements.txt, line 3", "numpy", "engine_sklearn"],
    ),
    (
        "house_price",
        "numba==0.61.0\n",
        [
            "numba==0.61.0 in functions/house_price/requirements.txt, line 1",
            "numpy",
            "engine_sklearn",
        ],
    ),
    (
        "fraud",
        "xgboost<3  # of the old model\n",
        ["xgboost<3 in functions/fraud/requirements.txt, line 1", "xgboost", "engine_xgboost"],
    ),
    (
        "limits",
        "pydantic<2\n",
        ["pydantic<2 in functions/limits/requirements.txt, line 1", "pydantic", "runtime"],
    ),
]


@pytest.mark.parametrize(("endpoint", "requirements", "named"), CONFLICTS)
def test_conflict(build_one: Build, endpoint: str, requirements: str, named: list[str]) -> None:
    """Both requirements are named, and where each stands."""
    own, package, layer = named
    code, log = build_one(endpoint, requirements, by_sam=endpoint == "fraud")
    assert code != 0
    assert "its requirements do not go with its layers" in log
    assert own in log
    [line] = [line for line in log.splitlines() if f"in layers/{layer}/requirements.txt" in line]
    assert f"{package}==" in line


def test_what_is_nowhere(build_one: Build) -> None:
    code, log = build_one("limits", "numpy==0.0.1\n")
    assert code != 0
    assert "its requirements" in log and "numpy==0.0.1" in log


def test_the_sdk_is_packed_by_version_alone(build_one: Build, tmp_path: Path) -> None:
    """Lambda's Python has boto3, in a version that nobody can rely on."""
    code = tmp_path / "project" / ".aws-sam" / "build" / "Limits"
    assert build_one("limits", "boto3\nsix\n")[0] == 0
    assert list_packages(code).keys() == {"six"}
    assert build_one("limits", "boto3>=1.40\nsix\n")[0] == 0
    assert list_packages(code).keys() >= {"boto3", "botocore", "six", "urllib3"}
    assert "jmespath" not in list_packages(code)  # in the runtime's layer


def test_a_second_build_installs_nothing(build_one: Build, tmp_path: Path) -> None:
    """What was installed once needs no index; and code goes with it as it is by then."""
    assert build_one("limits", "six\n")[0] == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_OFFLINE", "1")
        patch.setenv("UV_NO_CACHE", "1")
        preprocess = tmp_path / "project" / "functions" / "limits" / "preprocess.py"
        preprocess.write_text(preprocess.read_text().replace("gold", "silver"))
        code, log = build_one("limits", "six\n")
        assert code == 0, log
        built = tmp_path / "project" / ".aws-sam" / "build" / "Limits"
        assert list_packages(built).keys() == {"six"}
        assert "silver" in (built / "preprocess.py").read_text()
        assert build_one("limits", "six\nattrs\n")[0] != 0


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in PROJECT.glob("layers/*/Makefile"))
)
def test_pins_are_what_layers_hold(built: dict[str, BuiltFunction], folder: Path) -> None:
    """Functions are resolved against the pins: they must be what is there, no more and no less."""
    pins = read_pins(folder / "requirements.txt")
    layers = {layer for function in built.values() for layer in function.layers}
    found = [list_packages(layer / "python") for layer in layers]
    assert pins in found

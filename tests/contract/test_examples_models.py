"""The example models: made once, the same each time, and made again where a file is damaged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.prepare_models import RECIPES, prepare_model
from tests.contract.conftest import PROJECT

FILETYPE = RECIPES["filetype"]


def read_files(out: Path) -> dict[str, bytes]:
    """Key -> content of every file below a folder."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


def test_keys_are_those_of_the_endpoints(example_models: Path) -> None:
    keys = {"iris_onnx/1/model.onnx", "filetype/1/model.onnx", "filetype/1/config.json"}
    assert keys <= set(read_files(example_models))


def test_second_run_leaves_everything_alone(tmp_path: Path) -> None:
    out = tmp_path / "models"
    assert prepare_model(FILETYPE, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert not prepare_model(FILETYPE, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times
    assert set(read_files(out)) == {"filetype/1/model.onnx", "filetype/1/config.json"}


@pytest.mark.parametrize("damage", [b"half a file", None], ids=["cut", "gone"])
def test_damaged_file_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    out = tmp_path / "models"
    prepare_model(FILETYPE, out)
    whole = read_files(out)
    model = out / "filetype/1/model.onnx"
    model.unlink() if damage is None else model.write_bytes(damage)
    assert prepare_model(FILETYPE, out)
    assert read_files(out) == whole


def test_iris_is_the_same_at_every_run(example_models: Path, tmp_path: Path) -> None:
    """By the command line, in a process of its own with other hashes of strings."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.prepare_models", "--out", str(tmp_path / "models"),
         "--only", "iris_onnx"],
        cwd=PROJECT, env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("iris_onnx: made in ")
    key = "iris_onnx/1/model.onnx"
    assert read_files(tmp_path / "models") == {key: (example_models / key).read_bytes()}

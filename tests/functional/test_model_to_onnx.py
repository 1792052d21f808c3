"""`lambda-serving model upload --to-onnx`, as a user types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import joblib
import onnxruntime as ort
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from tests.functional.registry import BUCKET, NAMED, Registry

ROWS, SPECIES = load_iris(return_X_y=True)
UPLOAD = ("upload", *NAMED, "model.joblib")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    joblib.dump(LogisticRegression(max_iter=200).fit(ROWS, SPECIES), tmp_path / "model.joblib")
    (tmp_path / "rows.json").write_text(json.dumps(ROWS.tolist()))
    with Registry(tmp_path) as registry:
        yield registry


def test_the_converted_model_is_a_version(registry: Registry) -> None:
    out, err = registry.run(*UPLOAD, "--to-onnx", "--rows", "rows.json")
    assert "version 1 of model" in out
    assert "Converted to ONNX: largest difference" in err
    assert "on 150 rows of rows.json" in err
    assert 'output.name = ["label"]' in err
    entry = registry.check_whole()["1"]
    assert entry["model"] == "registry/p/n/1/model.onnx"
    assert entry["framework"] == "onnx"
    assert {"scikit-learn", "skl2onnx"} <= set(entry["libraries"])
    session = ort.InferenceSession(registry.s3.read(BUCKET, entry["model"]))
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities"]


def test_json_and_the_same_again(registry: Registry) -> None:
    first = registry.ask(*UPLOAD, "--to-onnx")
    assert first["conversion"]["largest_difference"] < 1e-6
    again = registry.ask(*UPLOAD, "--to-onnx")
    assert again["existing"]
    assert again["sha256"] == first["sha256"]


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--to-onnx", "--tolerance", "0"), 1, "over the tolerance of 0;"),
        (("--to-onnx", "--rows", "nothing.csv"), 1, "cannot be read: No such file"),
        (("--to-onnx", "--framework", "tensorflow"), 1, "cannot be converted to ONNX"),
        (("--to-onnx", "--tolerance", "-1"), 2, "--tolerance"),
        (("--rows", "rows.json"), 2, "belong to --to-onnx"),
        (("--tolerance", "0.1"), 2, "belong to --to-onnx"),
    ],
)
def test_refusals(registry: Registry, options: tuple[str, ...], code: int, text: str) -> None:
    _, err = registry.invoke(*UPLOAD, *options, code=code)
    assert text in err
    assert registry.list_keys() == []

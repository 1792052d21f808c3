"""Samples to compare on: given in files, or made up from what a graph compares with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from lambda_serving_cli.conversion.generation import ROWS as COUNT
from lambda_serving_cli.conversion.generation import generate_sample, punch_holes
from lambda_serving_cli.conversion.original import INPUT, ConversionError, Features
from lambda_serving_cli.conversion.samples import read_sample, read_tensors

ROWS, SPECIES = load_iris(return_X_y=True)
TWO = Features(2, ("a", "b"))
BY_COLUMN = Features(2, ("a", "b"), by_column=True)


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    if name.endswith(".npy"):
        np.save(path, content)
    elif name.endswith(".npz"):
        np.savez(path, **content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("s.json", {"b": 2, "a": 1, "other": "x"}, [[1, 2]]),
        ("s.json", [{"a": 1, "b": 2}, {"a": 3, "b": 4.5}], [[1, 2], [3, 4.5]]),
        ("s.json", [1, 2], [[1, 2]]),
        ("s.json", [[1, 2], [3, None]], [[1, 2], [3, np.nan]]),
        ("s.json", [[True, False]], [[1, 0]]),
        ("s.csv", "b,a,species\n2,1,setosa\n4,,virginica\n", [[1, 2], [np.nan, 4]]),
        ("s.csv", "1,2\n3,4e1\n", [[1, 2], [3, 40]]),
        ("s.npy", np.array([1, 2], dtype=np.int8), [[1, 2]]),
        ("s.npy", np.array([[1.5, 2], [3, 4]]), [[1.5, 2], [3, 4]]),
    ],
)
def test_rows(name: str, content: Any, rows: Any, tmp_path: Path) -> None:
    sample = read_sample(write(tmp_path, name, content), TWO)
    assert sample[INPUT].dtype == np.float64
    assert np.array_equal(sample[INPUT], rows, equal_nan=True)


def test_a_model_without_names_takes_values_as_they_come(tmp_path: Path) -> None:
    path = write(tmp_path, "s.json", {"z": 1, "a": 2})
    assert read_sample(path, Features(2))[INPUT].tolist() == [[1, 2]]


def test_columns_of_numbers_and_strings(tmp_path: Path) -> None:
    path = write(tmp_path, "s.csv", "a,b\n1,x\n,y\n")
    sample = read_sample(path, BY_COLUMN)
    assert np.array_equal(sample["a"], [[1], [np.nan]], equal_nan=True)
    assert sample["b"].tolist() == [["x"], ["y"]]
    assert sample["b"].dtype == object


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.json", {"a": 1}, r"s.json, row 1: these features are missing: b"),
        ("s.json", [[1, 2], [1]], r"row 2: expected 2 features \(a, b\), got 1"),
        ("s.json", [[1, 2], 3], "row 2: expected 2 features .*, got int"),
        ("s.json", [["x", 2]], "row 1: 'x' is no number"),
        ("s.json", "{", "cannot be read"),
        ("s.json", "3", "expected rows, got int"),
        ("s.json", [], "holds no row"),
        ("s.csv", "a,b\n", "holds no row"),
        ("s.csv", "a,b\n1\n", "cannot be read"),
        ("s.npy", np.zeros((2, 3)), "expected 2 features .*, got 3"),
        ("s.npy", np.zeros((1, 1, 2)), "row 1: expected 2 features"),
        ("s.txt", "1 2", r"a sample is a file .json, .csv, .npy; got s.txt"),
    ],
)
def test_wrong_samples(name: str, content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=message):
        read_sample(write(tmp_path, name, content), TWO)


def test_no_sample(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="cannot be read: No such file"):
        read_sample(tmp_path / "s.json", TWO)
    (tmp_path / "s.npy").write_bytes(b"no array")
    with pytest.raises(ConversionError, match="cannot be read"):
        read_sample(tmp_path / "s.npy", TWO)


def test_a_column_of_strings_and_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "s.json", [{"a": 1, "b": "x"}, {"a": 2, "b": 3}])
    with pytest.raises(ConversionError, match="the column 'b' holds strings, and 3"):
        read_sample(path, BY_COLUMN)


def test_tensors(tmp_path: Path) -> None:
    floats = read_tensors(write(tmp_path, "s.json", [[1, 2.5]]), ["x"])["x"]
    assert (floats.dtype, floats.tolist()) == (np.float32, [[1, 2.5]])
    whole = read_tensors(write(tmp_path, "s.json", {"x": [[1]], "y": [0.5]}), ["y", "x"])
    assert {name: str(tensor.dtype) for name, tensor in whole.items()} == {
        "y": "float32",
        "x": "int64",
    }
    image = np.zeros((2, 3, 4, 4), dtype=np.uint8)
    assert read_tensors(write(tmp_path, "s.npy", image), ["x"])["x"].dtype == np.uint8
    assert list(read_tensors(write(tmp_path, "s.npz", {"x": [1.0], "y": [1]}), ["x", "y"])) == [
        "x",
        "y",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"z": [1]}, r"expected the inputs \['x'\], got \['z'\]"),
        ([[1], [1, 2]], "rows of unequal length"),
        (["a"], "the input 'x' holds what is no number"),
    ],
)
def test_wrong_tensors(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=message):
        read_tensors(write(tmp_path, "s.json", content), ["x"])


def test_made_up_rows_lie_around_the_thresholds() -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(ROWS, SPECIES)
    graph = to_onnx(tree, ROWS[:1].astype(np.float32), target_opset={"": 18, "ai.onnx.ml": 3})
    graph.graph.input[0].name = graph.graph.node[0].input[0] = INPUT
    sample = generate_sample(4, graph)[INPUT]
    assert sample.shape == (COUNT, 4)
    assert np.array_equal(sample, generate_sample(4, graph)[INPUT])
    assert len(np.unique(tree.apply(sample))) == tree.get_n_leaves()
    petal_widths = tree.tree_.threshold[tree.tree_.feature == 3]
    beside = np.abs(sample[:, 3, None] / petal_widths - 1).min(axis=1)
    assert 0.4 < (beside < 2e-5).mean() < 0.6


def test_made_up_rows_have_the_spread_of_a_scaler() -> None:
    wide = ROWS * 1000 + 5000
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(wide, SPECIES)
    graph = to_onnx(model, wide[:1].astype(np.float32), target_opset={"": 18, "ai.onnx.ml": 3})
    graph.graph.input[0].name = graph.graph.node[0].input[0] = INPUT
    sample = generate_sample(4, graph)[INPUT]
    assert np.all(np.abs(sample.mean(axis=0) - wide.mean(axis=0)) < wide.std(axis=0))


def test_made_up_rows_where_nothing_is_known() -> None:
    model = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(ROWS, SPECIES)
    graph = to_onnx(model[1], ROWS[:1].astype(np.float32), target_opset=18)
    sample = generate_sample(4, graph)[INPUT]
    assert abs(sample.mean()) < 0.2
    assert 0.8 < sample.std() < 1.2


def test_holes_are_for_rows_of_numbers() -> None:
    holes = punch_holes({INPUT: ROWS})
    assert holes is not None
    assert 0.15 < np.isnan(holes[INPUT]).mean() < 0.25
    assert not np.isnan(ROWS).any()
    assert punch_holes({"a": ROWS}) is None
    assert punch_holes({INPUT: ROWS.astype(np.float32)}) is None

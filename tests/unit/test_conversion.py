"""Real models on real data: converted to ONNX, and asked by the endpoint's own handler."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import onnx
import onnxruntime as ort
import pandas
import pytest
import xgboost
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor
from skops import io as skops_io

from lambda_serving_cli.conversion.conversion import Conversion, convert
from lambda_serving_cli.conversion.generation import ROWS
from lambda_serving_cli.conversion.report import describe_conversion

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)

SEED = {"random_state": 0}

CLASSIFIERS = [
    (IRIS, LogisticRegression(max_iter=200)),
    (IRIS, RandomForestClassifier(20, **SEED)),
    (IRIS, make_pipeline(StandardScaler(), LogisticRegression())),
    (IRIS, make_pipeline(StandardScaler(), RandomForestClassifier(20, **SEED))),
    (CANCER, GradientBoostingClassifier(n_estimators=20, **SEED)),
    (CANCER, HistGradientBoostingClassifier(max_iter=10)),
    (IRIS, xgboost.XGBClassifier(n_estimators=5)),
    (CANCER, make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(n_estimators=5, verbose=-1))),
]
REGRESSORS = [
    LinearRegression(),
    RandomForestRegressor(10, **SEED),
    GradientBoostingRegressor(n_estimators=20, **SEED),
    HistGradientBoostingRegressor(max_iter=10),
    make_pipeline(StandardScaler(), MLPRegressor(max_iter=50, **SEED)),
    make_pipeline(StandardScaler(), DecisionTreeRegressor(**SEED)),
    xgboost.XGBRegressor(n_estimators=5),
    lightgbm.LGBMRegressor(n_estimators=5, verbose=-1),
]


def name_model(value: Any) -> str | None:
    steps = getattr(value, "steps", [("", value)])
    return "-".join(type(step).__name__ for _, step in steps) if hasattr(value, "fit") else ""


def run(conversion: Conversion, rows: Any) -> dict[str, Any]:
    """What the stored graph answers: by output."""
    session = ort.InferenceSession(conversion.path)
    names = [output.name for output in session.get_outputs()]
    node = session.get_inputs()[0]
    kind = np.float64 if node.type == "tensor(double)" else np.float32
    return dict(zip(names, session.run(names, {node.name: rows.astype(kind)}), strict=True))


def save_rows(rows: Any, folder: Path) -> Path:
    np.save(folder / "rows.npy", rows)
    return folder / "rows.npy"


@pytest.mark.parametrize("is_given", [True, False], ids=["given", "generated"])
@pytest.mark.parametrize(("data", "model"), CLASSIFIERS, ids=name_model)
def test_classifiers(data: Any, model: Any, is_given: bool, tmp_path: Path) -> None:
    rows, labels = data
    joblib.dump(model.fit(rows, labels), tmp_path / "model.joblib")
    sample = save_rows(rows, tmp_path) if is_given else None
    made = convert(tmp_path / "model.joblib", "sklearn", sample, tmp_path / "model.onnx")
    assert made.rows == (len(rows) if is_given else ROWS)
    assert made.largest_difference < 1e-5
    assert set(made.differences) == {"label", "probabilities"}
    assert made.answer == "label"
    classes = len(np.unique(labels))
    assert [output["shape"] for output in made.outputs] == [[-1], [-1, classes]]
    if is_given:
        answers = run(made, rows)
        assert answers["label"].tolist() == model.predict(rows).tolist()
        assert np.allclose(answers["probabilities"], model.predict_proba(rows), atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # nor need it
@pytest.mark.parametrize("model", REGRESSORS, ids=name_model)
def test_regressors(model: Any, tmp_path: Path) -> None:
    rows, values = DIABETES
    joblib.dump(model.fit(rows, values), tmp_path / "model.pkl")
    for sample in (None, save_rows(rows, tmp_path)):
        made = convert(tmp_path / "model.pkl", "sklearn", sample, tmp_path / "model.onnx")
        assert made.largest_difference < 1e-5
    assert [output["name"] for output in made.outputs] == ["variable"]
    assert made.answer is None
    answers = run(made, rows)["variable"][:, 0]
    assert np.allclose(answers, model.predict(rows), rtol=1e-5)


def test_a_scaler_before_trees_needs_float64(tmp_path: Path) -> None:
    """In float32 a scaled value that lies on a threshold falls on either side of it."""
    rows, species = IRIS
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(50, **SEED)).fit(rows, species)
    joblib.dump(forest, tmp_path / "model.joblib")
    sample = save_rows(rows, tmp_path)
    made = convert(tmp_path / "model.joblib", "sklearn", sample, tmp_path / "model.onnx")
    assert made.inputs == [{"name": "input", "type": "float64", "shape": [-1, 4]}]
    assert made.largest_difference < 1e-6


@pytest.mark.parametrize("model", [SVC(), LinearSVC()], ids=name_model)
def test_what_cannot_be_compared_is_dropped(model: Any, tmp_path: Path) -> None:
    """skl2onnx gives such a model's scores the name and the shape of probabilities."""
    joblib.dump(model.fit(*CANCER), tmp_path / "model.joblib")
    made = convert(tmp_path / "model.joblib", "sklearn", None, tmp_path / "model.onnx")
    assert made.dropped == ["probabilities"]
    assert list(run(made, CANCER[0])) == ["label"]


@pytest.mark.parametrize(
    "model", [KMeans(3, **SEED), IsolationForest(n_estimators=10, **SEED)], ids=name_model
)
def test_scores(model: Any, tmp_path: Path) -> None:
    joblib.dump(model.fit(IRIS[0]), tmp_path / "model.joblib")
    made = convert(tmp_path / "model.joblib", "sklearn", None, tmp_path / "model.onnx")
    assert list(made.differences) == ["label", "scores"]
    assert made.largest_difference < 1e-4


def test_columns_by_name(tmp_path: Path) -> None:
    """Each column is an input of its own, under its own name, of numbers or strings."""
    rows, species = IRIS
    table = pandas.DataFrame(rows, columns=["sepal length (cm)", "b", "c", "not used"])
    table["colour"] = np.where(rows[:, 0] > 5.8, "blue", "violet")
    numbers = ("numbers", StandardScaler(), ["sepal length (cm)", "b", "c"])
    strings = ("strings", OneHotEncoder(), ["colour"])
    model = make_pipeline(ColumnTransformer([numbers, strings]), LogisticRegression())
    joblib.dump(model.fit(table, species), tmp_path / "model.joblib")
    sample = tmp_path / "rows.csv"
    table.assign(species=species).to_csv(sample, index=False)
    made = convert(tmp_path / "model.joblib", "sklearn", sample, tmp_path / "model.onnx")
    assert [tensor["name"] for tensor in made.inputs] == list(table.columns) == made.features
    assert {tensor["type"] for tensor in made.inputs} == {"float32", "str"}
    assert made.largest_difference < 1e-6


def test_skops_and_labels_that_are_words(tmp_path: Path) -> None:
    rows, species = IRIS
    words = np.array(["setosa", "versicolor", "virginica"])[species]
    model = LogisticRegression(max_iter=200).fit(rows, words)
    skops_io.dump(model, tmp_path / "model.skops")
    made = convert(tmp_path / "model.skops", "scikit-learn", None, tmp_path / "model.onnx")
    assert run(made, rows)["label"].tolist() == model.predict(rows).tolist()


def test_it_tells_of_missing_values(tmp_path: Path) -> None:
    """scikit-learn's forests send a missing value somewhere, and ONNX elsewhere."""
    joblib.dump(RandomForestClassifier(20, **SEED).fit(*IRIS), tmp_path / "model.joblib")
    made = convert(tmp_path / "model.joblib", "sklearn", None, tmp_path / "model.onnx")
    assert ["where values are missing (NaN)" in note for note in made.notes] == [True]
    assert any("note: where values are missing" in line for line in describe_conversion(made))


def test_the_file(tmp_path: Path) -> None:
    """It tells what it was made of, is the same at every run, and runs on any processor."""
    source = tmp_path / "model.joblib"
    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(*IRIS), source)
    made = convert(source, "sklearn", None, tmp_path / "new" / "model.onnx")
    assert list(made.path.parent.iterdir()) == [made.path]
    again = convert(source, "sklearn", None, tmp_path / "again.onnx")
    assert made.path.read_bytes() == again.path.read_bytes()
    model = onnx.load(made.path)
    onnx.checker.check_model(model)
    assert {opset.domain for opset in model.opset_import} == {"", "ai.onnx.ml"}
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert model.producer_name == "lambda-serving"
    assert metadata["framework"] == "sklearn"
    assert json.loads(metadata["libraries"]) == made.libraries
    assert {"scikit-learn", "skl2onnx", "onnxruntime"} <= set(made.libraries)
    assert json.loads(json.dumps(made.describe()))["path"] == str(made.path)


ENDPOINT = 'endpoint = "iris"\nengine = "{}"\nmodel = "{}"\n'
CODE = """
class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        return [body["measures"]]

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        return {"species": int(data[0])}
"""


def test_the_endpoint_answers_alike(
    make_folder: Callable[..., Path], start_handler: Callable[..., Any], models: Path
) -> None:
    """The same preprocess.py on both engines."""
    rows, species = IRIS
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, **SEED)).fit(rows, species)
    joblib.dump(model, models / "model.joblib")
    made = convert(
        models / "model.joblib", "sklearn", save_rows(rows, models), models / "iris.onnx"
    )
    answers = []
    for engine, name, rest in (
        ("sklearn", "model.joblib", "allow_pickle = true\n"),
        ("onnx", "iris.onnx", f'[output]\nname = ["{made.answer}"]\n'),
    ):
        handler = start_handler(make_folder(ENDPOINT.format(engine, name) + rest, CODE))
        answers.append([handler({"measures": row.tolist()}) for row in rows])
    assert answers[0] == answers[1]
    assert {answer["species"] for answer in answers[0]} == {0, 1, 2}

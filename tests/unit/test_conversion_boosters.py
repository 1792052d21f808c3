"""XGBoost's and LightGBM's own files as ONNX, compared with what their engines answer."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxruntime as ort
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from lambda_serving_cli.conversion.conversion import convert
from lambda_serving_cli.conversion.original import ConversionError

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
MEASURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]

LABELS = ["label"]
CLASSES = ["label", "probabilities"]
VALUES = ["variable"]


def train_xgboost(data: Any, **parameters: Any) -> xgboost.Booster:
    rows, labels = data
    names = MEASURES if rows.shape[1] == 4 else None
    return xgboost.train(
        {"verbosity": 0, "seed": 0, "nthread": 1, **parameters},
        xgboost.DMatrix(rows, labels, feature_names=names),
        num_boost_round=10,
    )


def train_lightgbm(data: Any, rounds: int = 10, **parameters: Any) -> lightgbm.Booster:
    fixed = {"verbosity": -1, "seed": 0, "deterministic": True, "num_threads": 1}
    names = MEASURES if data[0].shape[1] == 4 else "auto"
    dataset = lightgbm.Dataset(*data, feature_name=names)
    return lightgbm.train({**fixed, **parameters}, dataset, num_boost_round=rounds)


def run(path: Path, rows: Any) -> dict[str, Any]:
    session = ort.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": rows.astype(np.float32)}), strict=True))


def check(path: Path, framework: str, booster: Any, rows: Any, outputs: list[str]) -> None:
    """Converted on a made-up sample, the graph answers real rows as the Booster does."""
    made = convert(path, framework, None, path.with_name("model.onnx"))
    assert list(made.differences) == outputs
    assert made.largest_difference < 1e-5
    assert made.features == (MEASURES if rows.shape[1] == 4 else [])
    answers = run(made.path, rows)
    expected = booster.predict(rows if framework == "lightgbm" else xgboost.DMatrix(rows))
    own = made.answer or outputs[0]
    got = answers[own]
    if got.shape != expected.shape:
        assert got.ndim == 2
        got = got[:, -1]  # of two classes the engines answer the second one's probability
    assert np.allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("suffix", ["ubj", "json"])
@pytest.mark.parametrize(
    ("data", "parameters", "outputs"),
    [
        (CANCER, {"objective": "binary:logistic"}, CLASSES),
        (IRIS, {"objective": "multi:softprob", "num_class": 3}, CLASSES),
        (IRIS, {"objective": "multi:softmax", "num_class": 3}, LABELS),
        (CANCER, {"objective": "binary:hinge"}, LABELS),
        (DIABETES, {"objective": "reg:squarederror"}, VALUES),
        (DIABETES, {"objective": "count:poisson"}, VALUES),
        (DIABETES, {"objective": "reg:absoluteerror"}, VALUES),
    ],
    ids=lambda value: value["objective"] if isinstance(value, dict) else "",
)
def test_xgboost(
    data: Any, parameters: dict[str, Any], outputs: list[str], suffix: str, tmp_path: Path
) -> None:
    booster = train_xgboost(data, **parameters)
    booster.save_model(tmp_path / f"model.{suffix}")
    booster.feature_names = None
    check(tmp_path / f"model.{suffix}", "xgboost", booster, data[0], outputs)


def test_xgboost_that_stopped_early(tmp_path: Path) -> None:
    """The engine runs all the trees of such a file, and so does its conversion."""
    rows, labels = CANCER
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=3)
    model.fit(rows[:400], labels[:400], eval_set=[(rows[400:], labels[400:])], verbose=False)
    booster = model.get_booster()
    assert booster.best_iteration < booster.num_boosted_rounds() - 1
    model.save_model(tmp_path / "model.json")
    check(tmp_path / "model.json", "xgboost", booster, rows, CLASSES)


@pytest.mark.parametrize(
    ("data", "parameters", "outputs"),
    [
        (CANCER, {"objective": "binary"}, CLASSES),
        (IRIS, {"objective": "multiclass", "num_class": 3}, CLASSES),
        (DIABETES, {"objective": "regression"}, VALUES),
        (DIABETES, {"objective": "poisson"}, VALUES),
        (DIABETES, {"objective": "regression", "boosting": "dart"}, VALUES),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_lightgbm(
    data: Any, parameters: dict[str, Any], outputs: list[str], tmp_path: Path
) -> None:
    booster = train_lightgbm(data, **parameters)
    booster.save_model(tmp_path / "model.txt")
    check(tmp_path / "model.txt", "lightgbm", booster, data[0], outputs)


def test_lightgbm_with_categories(tmp_path: Path) -> None:
    """Made-up rows hold categories alone where the model has them."""
    rows, labels = CANCER
    kinds = np.arange(len(rows)) * 7 % 5
    rows = np.column_stack([kinds, rows[:, :3]])
    dataset = lightgbm.Dataset(rows, (kinds % 2) ^ labels, categorical_feature=[0])
    parameters = {"objective": "binary", "verbosity": -1, "min_data_per_group": 5}
    booster = lightgbm.train(parameters, dataset, num_boost_round=10)
    booster.save_model(tmp_path / "model.txt")
    made = convert(tmp_path / "model.txt", "lightgbm", None, tmp_path / "model.onnx")
    answers = run(made.path, rows)["probabilities"][:, 1]
    assert np.allclose(answers, booster.predict(rows), atol=1e-6)


WRONGLY_CONVERTED = [
    (train_xgboost, "ubj", CANCER, {"objective": "binary:logistic", "booster": "dart"}),
    (train_xgboost, "ubj", CANCER, {"objective": "reg:logistic"}),
    (train_xgboost, "ubj", CANCER, {"objective": "multi:softmax", "num_class": 2}),
    (train_lightgbm, "txt", IRIS, {"objective": "multiclassova", "num_class": 3}),
    (
        train_lightgbm,
        "txt",
        DIABETES,
        {"objective": "regression", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    ),
]


@pytest.mark.parametrize(
    ("train", "suffix", "data", "parameters"),
    WRONGLY_CONVERTED,
    ids=["dart", "reg-logistic", "softmax-of-two", "multiclassova", "rf"],
)
def test_what_onnxmltools_gets_wrong_is_refused(
    train: Any, suffix: str, data: Any, parameters: dict[str, Any], tmp_path: Path
) -> None:
    """It raises no error on these; only the comparison tells."""
    drop = {"rate_drop": 0.5} if parameters.get("booster") == "dart" else {}
    source = tmp_path / f"model.{suffix}"
    train(data, **parameters, **drop).save_model(source)
    framework = "xgboost" if suffix == "ubj" else "lightgbm"
    with pytest.raises(ConversionError, match="answers otherwise: (label|prob|variable)"):
        convert(source, framework, None, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize(
    ("framework", "name", "content", "message"),
    [
        ("xgboost", "model.ubj", b"{L", "xgboost cannot load model.ubj"),
        ("xgboost", "model.json", b"{}", "xgboost cannot load model.json"),
        ("lightgbm", "model.txt", b"tree\nversion=v4\n", "its text is cut short"),
        ("lightgbm", "model.txt", b"\xff\xfe", "lightgbm cannot load model.txt"),
    ],
)
def test_broken_files(
    framework: str, name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConversionError, match=message):
        convert(tmp_path / name, framework, None, tmp_path / "model.onnx")


def test_linear_boosters(tmp_path: Path) -> None:
    booster = train_xgboost(DIABETES, objective="reg:squarederror", booster="gblinear")
    booster.save_model(tmp_path / "model.ubj")
    with pytest.raises(ConversionError, match="gblinear"):
        convert(tmp_path / "model.ubj", "xgboost", None, tmp_path / "model.onnx")

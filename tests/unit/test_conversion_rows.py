"""Given rows alone vouch for nothing: rows made up from the model's own values go beside them."""

from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from lambda_serving_cli.conversion.conversion import Conversion, convert
from lambda_serving_cli.conversion.generation import ROWS, UNKNOWN
from lambda_serving_cli.conversion.original import ConversionError
from lambda_serving_cli.conversion.report import describe_conversion
from lambda_serving_cli.conversion.sklearn_parts import read_hints

_RANDOM = np.random.default_rng(0)
DATA = np.column_stack(
    [_RANDOM.integers(0, 8, 300), _RANDOM.normal(size=300), _RANDOM.integers(0, 5, 300)]
).astype(np.float64)
LABELS = (np.isin(DATA[:, 0], [1, 4, 6]) ^ (DATA[:, 1] > 0.3)).astype(int)
FOUR = np.array([[0.0, 0.0, 0.0]] * 4)


def dump(model: Any, folder: Path) -> Path:
    joblib.dump(model, folder / "model.joblib")
    return folder / "model.joblib"


def convert_with(source: Path, framework: str, rows: Any) -> Conversion:
    np.save(source.with_name("rows.npy"), rows)
    return convert(source, framework, source.with_name("rows.npy"), source.with_name("out.onnx"))


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
@pytest.mark.parametrize("is_inside", [False, True], ids=["alone", "in a pipeline"])
def test_native_categories_are_refused_by_name(kind: Any, is_inside: bool, tmp_path: Path) -> None:
    """skl2onnx takes them for numbers, and four rows may all be right."""
    model = kind(max_iter=3, categorical_features=[0, 2])
    model = make_pipeline("passthrough", model) if is_inside else model
    source = dump(model.fit(DATA, LABELS), tmp_path)
    with pytest.raises(ConversionError, match=rf"{kind.__name__} has categories .* for numbers"):
        convert_with(source, "sklearn", FOUR)


def test_zeros_for_missing_values_are_refused_by_name(tmp_path: Path) -> None:
    parameters = {"verbosity": -1, "num_threads": 1, "zero_as_missing": True}
    booster = lightgbm.train(parameters, lightgbm.Dataset(DATA, LABELS), 3)
    booster.save_model(tmp_path / "model.txt")
    with pytest.raises(ConversionError, match="takes zeros for missing values"):
        convert_with(tmp_path / "model.txt", "lightgbm", FOUR + 1)


def test_wrong_answers_beside_the_given_rows_are_found(tmp_path: Path) -> None:
    """Averages of a LightGBM forest are summed by the converter; where all trees say 0 it is
    right, so that rows from there would pass."""
    values = np.where(DATA[:, 1] > 0, 100.0, 0.0)
    parameters = {
        "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.9, "boost_from_average": False,
        "verbosity": -1, "num_threads": 1, "num_leaves": 2,
    }  # fmt: skip
    booster = lightgbm.train(parameters, lightgbm.Dataset(DATA, values), 5)
    booster.save_model(tmp_path / "model.txt")
    rows = DATA[np.abs(booster.predict(DATA)) < 1e-6][:4]
    assert len(rows) == 4
    with pytest.raises(ConversionError, match="of the rows made up from the model, the most in"):
        convert_with(tmp_path / "model.txt", "lightgbm", rows)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ],
    ids=["one-hot", "one-hot, unknown", "ordinal, unknown"],
)
def test_categories_of_encoders(encoder: Any, tmp_path: Path) -> None:
    """All that are known are tried, and one that is not, where the original takes it."""
    categories = DATA[:, [0, 2]]
    model = make_pipeline(encoder, LogisticRegression()).fit(categories, LABELS)
    hints = read_hints(model)
    assert [hints[0].categories, hints[1].categories] == [list(range(8)), list(range(5))]
    assert hints[0].takes_unknown == (encoder.handle_unknown != "error")
    made = convert_with(dump(model, tmp_path), "sklearn", categories[:4])
    assert (made.rows, made.made_up_rows) == (4, ROWS)
    assert made.uncovered == [
        "numbers and words beside the known categories and one unknown, which the original may"
        " refuse: number 1, number 2"
    ]
    assert any("not covered: numbers and words" in line for line in describe_conversion(made))


def test_columns_by_name_are_mixed_anew(tmp_path: Path) -> None:
    """Words that no given row has are tried too."""
    table = pandas.DataFrame({"size": DATA[:, 1], "city": np.where(DATA[:, 0] > 3, "Oslo", "Rome")})
    encode = (OneHotEncoder(handle_unknown="ignore"), ["city"])
    model = make_pipeline(
        make_column_transformer(encode, remainder="passthrough"), LogisticRegression()
    )
    source = dump(model.fit(table, LABELS), tmp_path)
    table.iloc[:4].to_csv(tmp_path / "rows.csv", index=False)
    made = convert(source, "sklearn", tmp_path / "rows.csv", tmp_path / "out.onnx")
    assert made.made_up_rows == ROWS
    assert read_hints(model)[1].categories == ["Oslo", "Rome"]
    assert UNKNOWN not in table["city"].tolist()
    assert made.uncovered[0].endswith("(the values of the given rows were tried): size")

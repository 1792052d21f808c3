"""functions/iris_*: four engines, one contract, each against its library called directly."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_iris

from examples.iris import train_pipeline
from examples.iris_lightgbm import train_booster as train_lightgbm
from examples.iris_xgboost import train_booster as train_xgboost
from tests.conftest import Handler
from tests.contract.conftest import PROJECT
from tests.events import load_event

MEASURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
DATASET = load_iris()
SPECIES = [str(name) for name in DATASET.target_names]
FLOWERS = [dict(zip(MEASURES, row.tolist(), strict=True)) for row in DATASET.data]

LIBRARIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "iris_onnx": lambda rows: train_pipeline().predict_proba(rows),
    "iris_sklearn": lambda rows: train_pipeline().predict_proba(rows),
    "iris_xgboost": lambda rows: train_xgboost().predict(
        xgboost.DMatrix(rows, feature_names=MEASURES)
    ),
    "iris_lightgbm": lambda rows: np.asarray(train_lightgbm().predict(rows)),
}
"""Endpoint -> its library, trained and called without us: float64[n, 4] -> float[n, 3]."""

TOLERANCE = {"iris_onnx": 1e-4}
"""Of a probability; the converted model computes in float32. The others: 1e-5."""

MODELS = (
    "iris_sklearn/1/model.joblib",
    "iris_xgboost/1/model.ubj",
    "iris_lightgbm/1/model.txt",
)

Start = Callable[[str], Handler]


@pytest.fixture
def start(example_models: Path, start_handler: Callable[..., Handler], tmp_path: Path) -> Start:
    """start(endpoint) -> handler(event): several endpoints, each with a folder of its own."""

    def start_one(name: str) -> Handler:
        folder = copytree(PROJECT / "functions" / name, tmp_path / name)
        return start_handler(folder, SERVING_MODEL_BUCKET=f"file://{example_models}")

    return start_one


@pytest.mark.parametrize("name", LIBRARIES)
def test_all_flowers_as_the_library_has_them(start: Start, name: str) -> None:
    handler = start(name)
    assert len(FLOWERS) == 150
    for flower, expected in zip(FLOWERS, LIBRARIES[name](DATASET.data), strict=True):
        result = handler(flower)
        assert list(result) == ["species", "probabilities"]
        assert list(result["probabilities"]) == SPECIES
        assert list(result["probabilities"].values()) == pytest.approx(
            expected.tolist(), abs=TOLERANCE.get(name, 1e-5), rel=0
        )
        assert result["species"] == SPECIES[expected.argmax()]


def test_endpoints_differ_where_the_libraries_do_and_nowhere_else(start: Start) -> None:
    by_library = {name: predict(DATASET.data).argmax(axis=1) for name, predict in LIBRARIES.items()}
    expected = [{SPECIES[ids[i]] for ids in by_library.values()} for i in range(len(FLOWERS))]
    handlers = [start(name) for name in LIBRARIES]
    said = [{handler(flower)["species"] for handler in handlers} for flower in FLOWERS]
    assert said == expected
    # Three independent models: were they to differ often, one of them would be a bad one.
    assert sum(len(species) == 1 for species in said) >= 140


@pytest.mark.parametrize(
    "body",
    [
        {},
        {name: 1.0 for name in MEASURES[1:]},
        FLOWERS[0] | {"petal_width": "wide"},
        FLOWERS[0] | {"petal_width": None},
        FLOWERS[0] | {"petal_width": True},
        FLOWERS[0] | {"petal_width": -0.1},
        FLOWERS[0] | {"petal_width": 101},
    ],
    ids=["empty", "missing", "text", "null", "bool", "negative", "too_long"],
)
def test_all_refuse_with_the_same_words(start: Start, body: dict[str, Any]) -> None:
    errors = [read_error(start(name), body) for name in LIBRARIES]
    assert errors[0]["status"] == 422
    assert errors[0]["type"] == "ValueError"
    assert errors == [errors[0]] * len(LIBRARIES)


def read_error(handler: Handler, body: dict[str, Any]) -> dict[str, Any]:
    """What a direct invoke raises, as the caller reads it."""
    with pytest.raises(Exception) as caught:  # noqa: B017  (a class of its own for each error)
        handler(body)
    described: dict[str, Any] = json.loads(str(caught.value))
    return described


@pytest.mark.parametrize("name", LIBRARIES)
def test_event_files(start: Start, name: str) -> None:
    handler = start(name)
    direct = handler(load_event(f"invoke_{name}"))
    answer = handler(load_event(f"http_{name}"))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == direct
    assert direct["species"] == "virginica"


def test_models_are_the_same_at_every_run(example_models: Path, tmp_path: Path) -> None:
    """By the command line, in a process of its own with other hashes of strings."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.prepare_models", "--out", str(tmp_path / "models")],
        cwd=PROJECT, env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for key in MODELS:
        assert (tmp_path / "models" / key).read_bytes() == (example_models / key).read_bytes(), key

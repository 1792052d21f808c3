"""The engines of the contract suite: one row each, and every shape runs on it.

Every row answers the same question: a body ``{"a": 1.0, "b": 2.0}`` becomes one row of two
numbers, and the model makes one number of it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import joblib
import lightgbm
import numpy as np
import onnxruntime
import xgboost
from sklearn.linear_model import LinearRegression

from tests.models import make_adder

BODY = {"a": 1.0, "b": 2.0}
ROW = np.array([[1.0, 2.0]], dtype=np.float32)
OWN_PROCESS = "return np.asarray(data).sum(axis=1)"

_X = np.random.default_rng(7).uniform(0, 4, size=(200, 2)).astype(np.float32)
_Y = _X.sum(axis=1)


class EngineCase(NamedTuple):
    """One row: the engine, its tiny model, and how user code feeds it."""

    name: str
    model: str
    """File name of the model."""
    make: Callable[[Path], object]
    """Writes the model."""
    ask: Callable[[Path], Any]
    """What the library itself answers for ROW."""
    process: Literal["ignored", "replaces", "required"]
    """What a user's ``process`` means to the engine (contract, section 1)."""
    rows: str = 'np.array([[body["a"], body["b"]]], dtype=np.float32)'
    """Expression over ``body``: what ``preprocess`` returns for the engine."""
    imports: str = "import numpy as np"
    raw_body: dict[str, Any] | None = None
    """A body that the engine takes as it comes; None where it takes no dict."""
    raw_answer: Any = None


def make_sklearn(path: Path) -> None:
    joblib.dump(LinearRegression().fit(_X, _Y), path)


def make_xgboost(path: Path) -> None:
    params = {"max_depth": 3, "nthread": 1}
    xgboost.train(params, xgboost.DMatrix(_X, _Y), num_boost_round=5).save_model(path)


def make_lightgbm(path: Path) -> None:
    params = {"min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1}
    lightgbm.train(params, lightgbm.Dataset(_X, _Y), num_boost_round=5).save_model(path)


def ask_xgboost(path: Path) -> Any:
    return xgboost.Booster(model_file=path).predict(xgboost.DMatrix(ROW))


def ask_onnx(path: Path) -> Any:
    return onnxruntime.InferenceSession(path).run(None, {"row": ROW})[0]


def write_adder(path: Path) -> None:
    path.write_bytes(make_adder())


def write_weights(path: Path) -> None:
    path.write_text("1 1")


def _make_onnx_case(name: str) -> EngineCase:
    return EngineCase(
        name,
        "adder.onnx",
        write_adder,
        ask_onnx,
        "replaces",
        raw_body={"row": [[1.0, 2.0]]},
        raw_answer=[[3.0]],
    )


def _make_custom_case(name: str) -> EngineCase:
    return EngineCase(
        name,
        "weights.txt",
        write_weights,
        lambda path: ROW.sum(axis=1),
        "required",
        raw_body=BODY,
        raw_answer=BODY,
    )


ENGINE_CASES = (
    EngineCase(
        "sklearn",
        "adder.joblib",
        make_sklearn,
        lambda path: joblib.load(path).predict(ROW),
        "ignored",
    ),
    EngineCase(
        "xgboost",
        "adder.ubj",
        make_xgboost,
        ask_xgboost,
        "ignored",
        rows='xgboost.DMatrix(np.array([[body["a"], body["b"]]], dtype=np.float32))',
        imports="import numpy as np\nimport xgboost",
    ),
    EngineCase(
        "lightgbm",
        "adder.txt",
        make_lightgbm,
        lambda path: lightgbm.Booster(model_file=path).predict(ROW),
        "ignored",
    ),
    _make_onnx_case("onnx"),
    _make_onnx_case("triton"),
    _make_custom_case("custom"),
    _make_custom_case("custom_async"),
)

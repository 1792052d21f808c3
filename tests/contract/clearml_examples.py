"""Code as ClearML Serving's public examples have it: their methods, arguments, models and files.

Of https://github.com/clearml/clearml-serving, the folders sklearn, ensemble, xgboost, lightgbm,
custom and pipeline of examples/: what `preprocess.py` does and what `train_model.py` trains, in
words of our own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import xgboost
from sklearn.datasets import load_iris, make_blobs
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor

TWO_FEATURES = """
from typing import Any

import numpy as np


class Preprocess(object):
    def __init__(self):
        pass

    def preprocess(self, body: dict, state: dict, collect_custom_statistics_fn=None) -> Any:
        return [[body.get("x0", None), body.get("x1", None)]]

    def postprocess(self, data: Any, state: dict, collect_custom_statistics_fn=None) -> dict:
        return dict(y=data.tolist() if isinstance(data, np.ndarray) else data)
"""

XGBOOST = """
from typing import Any

import numpy as np
import xgboost as xgb


class Preprocess(object):
    def __init__(self):
        pass

    def preprocess(self, body: dict, state: dict, collect_custom_statistics_fn=None) -> Any:
        return xgb.DMatrix([[body.get(f"x{i}", None) for i in range(4)]])

    def postprocess(self, data: Any, state: dict, collect_custom_statistics_fn=None) -> dict:
        return dict(y=data.tolist() if isinstance(data, np.ndarray) else data)
"""

LIGHTGBM = """
from typing import Any

import numpy as np


class Preprocess(object):
    def __init__(self):
        pass

    def preprocess(self, body: dict, state: dict, collect_custom_statistics_fn=None) -> Any:
        return np.array([[body.get(f"x{i}", None) for i in range(4)]], dtype=np.float32)

    def postprocess(self, data: Any, state: dict, collect_custom_statistics_fn=None) -> dict:
        return dict(y=int(np.argmax(data)) if isinstance(data, np.ndarray) else data)
"""

CUSTOM = """
from typing import Any, Callable, Optional

import joblib
import numpy as np


class Preprocess(object):
    def __init__(self):
        self._model = None

    def load(self, local_file_name: str) -> Optional[Any]:
        self._model = joblib.load(local_file_name)

    def preprocess(self, body: dict, state: dict, collect_custom_statistics_fn=None) -> Any:
        return np.array(body.get("features", []), dtype=float)

    def process(
        self,
        data: Any,
        state: dict,
        collect_custom_statistics_fn: Optional[Callable[[dict], None]],
    ) -> Any:
        return self._model.predict(np.atleast_2d(data))

    def postprocess(self, data: Any, state: dict, collect_custom_statistics_fn=None) -> dict:
        return dict(predict=data.tolist())
"""

CUSTOM_WITH_OLD_NUMPY = CUSTOM.replace("dtype=float", "dtype=np.float")
"""As the example is in fact: `np.float` is gone since NumPy 1.24."""

PIPELINE = """
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Optional


class Preprocess(object):
    def __init__(self):
        self.executor = ThreadPoolExecutor(max_workers=32)

    def process(
        self,
        data: Any,
        state: dict,
        collect_custom_statistics_fn: Optional[Callable[[dict], None]],
    ) -> Any:
        a = self.executor.submit(self.send_request, endpoint="/test_model_sklearn_a/", data=data)
        b = self.executor.submit(self.send_request, endpoint="/test_model_sklearn_b/", data=data)
        a, b = a.result(), b.result()
        if not a or not b:
            raise ValueError("Error requesting inference endpoint test_model_sklearn a/b")
        return [a, b]

    def postprocess(
        self, data: List[dict], state: dict, collect_custom_statistics_fn=None
    ) -> dict:
        return dict(y=0.5 * data[0]["y"][0] + 0.5 * data[1]["y"][0])
"""

PIPELINE_ASYNC = """
import asyncio
from typing import Any, Callable, List, Optional


class Preprocess(object):
    async def process(
        self,
        data: Any,
        state: dict,
        collect_custom_statistics_fn: Optional[Callable[[dict], None]],
    ) -> Any:
        a = self.send_request(endpoint="/test_model_sklearn_a/", version=None, data=data)
        b = self.send_request(endpoint="/test_model_sklearn_b/", version=None, data=data)
        a, b = await asyncio.gather(a, b)
        if not a or not b:
            raise ValueError("Error requesting inference endpoint test_model_sklearn a/b")
        return [a, b]

    async def postprocess(
        self, data: List[dict], state: dict, collect_custom_statistics_fn=None
    ) -> dict:
        return dict(y=0.5 * data[0]["y"][0] + 0.5 * data[1]["y"][0])
"""


def train_sklearn(file: Path) -> Any:
    model = LogisticRegression().fit(*make_blobs(100, centers=2, n_features=2, random_state=1))
    joblib.dump(model, file, compress=9)
    return model


def train_ensemble(file: Path) -> Any:
    forest = RandomForestRegressor(n_estimators=50, random_state=1)
    model = VotingRegressor([("knn", KNeighborsRegressor(n_neighbors=5)), ("rf", forest)])
    model.fit(*make_blobs(100, centers=2, n_features=2, random_state=1))
    joblib.dump(model, file, compress=9)
    return model


def train_xgboost(file: Path) -> Any:
    rows, _, labels, _ = train_test_split(
        *load_iris(return_X_y=True), test_size=0.2, random_state=100
    )
    parameters = {"objective": "reg:squarederror", "eval_metric": "rmse"}
    model = xgboost.train(parameters, xgboost.DMatrix(rows, label=labels), num_boost_round=100)
    # What save_model writes to a file without an ending, but for its warning.
    file.write_bytes(model.save_raw(raw_format="ubj"))
    return model


def train_lightgbm(file: Path) -> Any:
    rows, _, labels, _ = train_test_split(
        *load_iris(return_X_y=True), test_size=0.1, random_state=1
    )
    parameters = {"objective": "multiclass", "metric": "softmax", "num_class": 3, "verbosity": -1}
    model = lightgbm.train(parameters, lightgbm.Dataset(rows, label=labels))
    model.save_model(file)
    return model


def train_custom(file: Path) -> Any:
    model = LogisticRegression().fit(*make_blobs(100, centers=2, n_features=3, random_state=1))
    joblib.dump(model, file, compress=9)
    return model


@dataclass(frozen=True)
class Example:
    """``train`` writes the model to a file named ``model``, as the train script names it."""

    engine: str
    code: str
    model: str
    train: Callable[[Path], Any]
    bodies: tuple[dict[str, Any], ...]


POINTS = tuple({"x0": x0, "x1": x1} for x0, x1 in [(1, 2), (-10.5, 3.25), (0, 0), (-1.6, 4.4)])
IRISES = tuple(
    dict(zip(("x0", "x1", "x2", "x3"), row.tolist(), strict=True)) for row in load_iris().data[::10]
)

EXAMPLES = {
    "test_model_sklearn": Example(
        "sklearn", TWO_FEATURES, "sklearn-model.pkl", train_sklearn, POINTS
    ),
    "test_model_ensemble": Example(
        "sklearn", TWO_FEATURES, "ensemble-vr.pkl", train_ensemble, POINTS
    ),
    "test_model_xgb": Example("xgboost", XGBOOST, "xgb_model", train_xgboost, IRISES),
    "test_model_lgbm": Example("lightgbm", LIGHTGBM, "lgbm_model", train_lightgbm, IRISES),
    "test_model_custom": Example(
        "custom",
        CUSTOM,
        "custom-model.pkl",
        train_custom,
        ({"features": [1, 2, 3]}, {"features": [[-9.5, 0.5, 3], [0, 4, -1]]}),
    ),
}
"""serving_url of the example's README -> the example."""

"""scikit-learn by skl2onnx; estimators of XGBoost and LightGBM may stand in its pipelines."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from lambda_serving_cli.conversion.graph import rename_inputs
from lambda_serving_cli.conversion.original import (
    INPUT,
    Arrays,
    Attempt,
    ConversionError,
    Features,
    Hints,
    Original,
    require_packages,
)
from lambda_serving_cli.conversion.sklearn_converters import register_converters
from lambda_serving_cli.conversion.sklearn_parts import read_hints, refuse_what_onnx_lacks

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""skl2onnx 1.20 writes some trees (IsolationForest) for ai.onnx.ml 3 only."""

COMPARED = (
    ("probabilities", "predict_proba"),
    ("scores", "decision_function"),
    ("scores", "transform"),
    ("scores", "score_samples"),
)
"""Outputs of skl2onnx beside the label, and what they come from: the first that a model has.

What it calls probabilities of a classifier without them (SVC) is no such thing, and is dropped.
"""


class SklearnModel(Original):
    """A fitted estimator or pipeline that has predict: .joblib, .pkl or .skops."""

    library = "scikit-learn"
    packages: tuple[str, ...] = ("scikit-learn", "skl2onnx")
    answer_name = "label"
    features: Features

    def __init__(self, path: Path) -> None:
        self._model = read_model(path)
        if not (isinstance(self._model, BaseEstimator) and hasattr(self._model, "predict")):
            raise ConversionError(
                "expected an estimator of scikit-learn's that has predict,"
                f" got {type(self._model).__name__}"
            )
        refuse_what_onnx_lacks(self._model)
        self.features = read_features(self._model)
        self.packages += register_converters(self._model)

    def read_hints(self) -> Mapping[int, Hints]:
        return read_hints(self._model)

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        """In float32; in float64; in float64 but the last step, as scikit-learn's trees do.

        Behind a scaler, float32 puts values on the other side of a tree's threshold.
        """
        yield partial(self._convert, self._model, FloatTensorType, feeds)
        yield partial(self._convert, self._model, DoubleTensorType, feeds)
        if isinstance(self._model, Pipeline):
            cast = ("cast_to_float32", CastTransformer(dtype=np.float32))
            steps = [*self._model.steps[:-1], cast, self._model.steps[-1]]
            yield partial(self._convert, Pipeline(steps), DoubleTensorType, feeds)

    def _convert(self, model: Any, number: Any, feeds: Arrays | None) -> Any:
        if not self.features.by_column or feeds is None:
            return write_graph(model, [(INPUT, number([None, self.features.count]))])
        types = [
            (name, (StringTensorType if column.dtype == object else number)([None, 1]))
            for name, column in feeds.items()
        ]
        graph = write_graph(model, types)
        rename_inputs(graph, self.features.names)  # skl2onnx makes words of them
        return graph

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> Arrays:
        rows = make_frame(feeds) if self.features.by_column else feeds[INPUT]
        answers = {"label": self._model.predict(rows)}
        if len(outputs) == 1:
            return {name: answers["label"] for name in outputs}
        for output, method in COMPARED:
            if output in outputs and output not in answers and hasattr(self._model, method):
                answers[output] = getattr(self._model, method)(rows)
        return answers


def read_model(path: Path) -> Any:
    """Unpickle: the user's own file, so it is trusted whole."""
    try:
        if path.suffix == ".skops":
            from skops import io as skops_io

            return skops_io.load(path, trusted=skops_io.get_untrusted_types(file=path))
        return joblib.load(path)
    except ModuleNotFoundError as error:
        raise ConversionError(
            f"{path.name} needs the module {error.name!r}, which is not installed here",
            advice="install it, or put your own module's folder on PYTHONPATH",
        ) from error


def read_features(model: Any) -> Features:
    """What a row of a fitted model is made of."""
    count = getattr(model, "n_features_in_", None)
    if count is None:
        raise ConversionError(
            f"the model ({type(model).__name__}) does not tell how many features it takes"
            " (n_features_in_)",
            advice="fit it on a table; models of plain text are not converted here",
        )
    names = tuple(map(str, getattr(model, "feature_names_in_", ())))
    by_column = bool(names) and isinstance(find_first_step(model), ColumnTransformer)
    return Features(int(count), names, by_column)


def write_graph(model: Any, types: list[tuple[str, Any]]) -> Any:
    """The ONNX model, which takes these inputs."""
    try:  # probabilities as a plain array
        return to_onnx(model, initial_types=types, options={"zipmap": False}, target_opset=OPSETS)
    except NameError:  # a model that has no such option
        return to_onnx(model, initial_types=types, target_opset=OPSETS)


def find_first_step(model: Any) -> Any:
    """What the rows meet first: inside pipelines and searches."""
    if isinstance(model, Pipeline):
        return find_first_step(model.steps[0][1])
    return find_first_step(model.best_estimator_) if hasattr(model, "best_estimator_") else model


def make_frame(feeds: Arrays) -> Any:
    """A DataFrame, for a model that finds its columns by their names."""
    require_packages("scikit-learn with columns by name", "pandas")
    import pandas

    return pandas.DataFrame({name: column[:, 0] for name, column in feeds.items()})

"""XGBoost by onnxmltools: trees saved as UBJSON or JSON."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from lambda_serving_cli.conversion.boosters import OPSET, split_probabilities
from lambda_serving_cli.conversion.original import (
    INPUT,
    Arrays,
    Attempt,
    ConversionError,
    Features,
    Hints,
    Original,
)

SPLIT = re.compile(r"\[f(\d+)<([^\]]+)\]")
"""A node's condition in a dump: feature and threshold."""


class XgboostModel(Original):
    """A Booster, as the engine ``xgboost`` asks it: with all its trees."""

    library = "xgboost"
    packages = ("xgboost", "xgboost-cpu", "onnxmltools")
    answer_name = "probabilities"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._booster = xgboost.Booster(model_file=path)
        learner = json.loads(self._booster.save_config())["learner"]
        if learner["gradient_booster"]["name"] == "gblinear":
            raise ConversionError("linear models of XGBoost (gblinear) cannot be converted")
        self._objective: str = learner["objective"]["name"]
        names = tuple(self._booster.feature_names or ())
        self.features = Features(self._booster.num_features(), names)
        # onnxmltools takes no other names than f0, f1, ...; the rows come as arrays.
        self._booster.feature_names = None

    def read_hints(self) -> Mapping[int, Hints]:
        """Its thresholds are float32, as a dump (%.9g) has them; categories tell the graph."""
        hints: dict[int, Hints] = {}
        for line in "".join(self._booster.get_dump()).splitlines():
            if found := SPLIT.search(line):
                value = float(np.float32(found[2]))
                hints.setdefault(int(found[1]), Hints()).values.append(value)
        return hints

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        yield self._convert

    def _convert(self) -> Any:
        # onnxmltools guesses what a bare Booster is for, and would take some classifiers for
        # regressors; the estimators say it.
        is_classifier = self._objective.startswith(("binary:", "multi:"))
        model: Any = xgboost.XGBClassifier() if is_classifier else xgboost.XGBRegressor()
        model.load_model(self._path)
        model.get_booster().feature_names = None
        # With it the trees after the best one would be left out, which the engine runs too.
        model.get_booster().set_attr(best_iteration=None)
        types = [(INPUT, FloatTensorType([None, self._booster.num_features()]))]
        return convert_xgboost(model, name="xgboost", initial_types=types, target_opset=OPSET)

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> Arrays:
        answer = self._booster.predict(xgboost.DMatrix(feeds[INPUT]))
        if self._objective in ("binary:hinge", "multi:softmax"):
            return {"label": answer}
        if self._objective.startswith(("binary:", "multi:")):
            return split_probabilities(answer)
        return {"variable": answer}

"""LightGBM by onnxmltools: a Booster saved as text."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from onnxmltools import convert_lightgbm
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

CATEGORICAL, ZERO = 1, 1
"""Of a node's decision_type: bit 0, and bits 2 and 3, what counts as missing (LightGBM, tree.h)."""

TREES_PER_SUM = 50
"""Of regressions in the second attempt: each sum is in float32, their total in float64."""


class LightgbmModel(Original):
    """A Booster, as the engine ``lightgbm`` asks it."""

    library = "lightgbm"
    packages = ("lightgbm", "onnxmltools")
    answer_name = "probabilities"
    features: Features

    def __init__(self, path: Path) -> None:
        text = self._text = path.read_text()
        # LightGBM ends the whole process on a text that is cut off.
        if "end of trees" not in text:
            raise ConversionError(f"lightgbm cannot load {path.name}: its text is cut short")
        self._booster = lightgbm.Booster(model_str=text)
        kinds = chain.from_iterable(_read_lists(text, "decision_type"))
        if any(int(kind) >> 2 & 3 == ZERO for kind in kinds):
            raise ConversionError(
                "the model takes zeros for missing values (zero_as_missing), which the converter"
                " takes for numbers",
                advice="serve it by the engine 'lightgbm', or train it without zero_as_missing",
            )
        objective = str(self._booster.dump_model(num_iteration=1).get("objective", ""))
        self._is_classifier = objective.startswith(("binary", "multiclass"))
        names = tuple(self._booster.feature_name())
        numbered = tuple(f"Column_{number}" for number in range(len(names)))
        self.features = Features(len(names), () if names == numbered else names)

    def read_hints(self) -> Mapping[int, Hints]:
        hints: dict[int, Hints] = {}
        keys = ("split_feature", "threshold", "decision_type")
        for tree in zip(*(_read_lists(self._text, key) for key in keys), strict=True):
            for feature, value, kind in zip(*tree, strict=True):
                if not int(kind) & CATEGORICAL:
                    hints.setdefault(int(feature), Hints()).values.append(float(value))
        return hints

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        yield partial(self._convert, None)
        if not self._is_classifier:
            yield partial(self._convert, TREES_PER_SUM)

    def _convert(self, split: int | None) -> Any:
        return convert_lightgbm(
            self._booster,
            name="lightgbm",
            initial_types=[(INPUT, FloatTensorType([None, self.features.count]))],
            target_opset=OPSET,
            zipmap=False,
            split=split,
        )

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> Arrays:
        answer = np.asarray(self._booster.predict(feeds[INPUT]))
        return split_probabilities(answer) if self._is_classifier else {"variable": answer}


def _read_lists(text: str, name: str) -> list[list[str]]:
    """The values under a name, of each tree that has any."""
    trees = text.partition("end of trees")[0]
    return [found.split() for found in re.findall(rf"^{name}=(.+)$", trees, re.MULTILINE)]

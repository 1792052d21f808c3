"""LightGBM by onnxmltools: a Booster saved as text."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from lambda_serving_cli.conversion.boosters import OPSET, split_probabilities
from lambda_serving_cli.conversion.frameworks import summarise_error
from lambda_serving_cli.conversion.original import (
    INPUT,
    Array,
    Arrays,
    Attempt,
    ConversionError,
    Features,
    Hints,
)

CATEGORICAL, ZERO = 1, 1
"""Of a node's decision_type: bit 0, and bits 2 and 3, what counts as missing (LightGBM, tree.h)."""

TREES_PER_SUM = 50
"""Of regressions in the second attempt: each sum is in float32, their total in float64."""


class LightgbmModel:
    """A Booster, as the engine ``lightgbm`` asks it."""

    packages = ("lightgbm", "onnxmltools")
    answer_name = "probabilities"
    inputs: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_text()
            # LightGBM ends the whole process on a text that is cut off.
            if "end of trees" not in text:
                raise ConversionError(f"lightgbm cannot load {path.name}: its text is cut short")
            self._booster = lightgbm.Booster(model_str=text)
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
            raise ConversionError(
                f"lightgbm cannot load {path.name}: {summarise_error(error)}"
            ) from error
        self._text = text
        if any(
            int(kind) >> 2 & 3 == ZERO
            for kinds in _read_lists(text, "decision_type")
            for kind in kinds
        ):
            raise ConversionError(
                "the model takes zeros for missing values (zero_as_missing), which the converter"
                " takes for numbers",
                advice="serve it by the engine 'lightgbm', or train it without zero_as_missing",
            )
        self._objective = str(self._booster.dump_model(num_iteration=1).get("objective", ""))

    @property
    def features(self) -> Features:
        names = tuple(self._booster.feature_name())
        numbered = tuple(f"Column_{number}" for number in range(len(names)))
        return Features(len(names), () if names == numbered else names)

    def read_hints(self) -> Mapping[int, Hints]:
        hints: dict[int, Hints] = {}
        lists = [_read_lists(self._text, name) for name in ("split_feature", "threshold")]
        flags = _read_lists(self._text, "decision_type")
        for features, thresholds, kinds in zip(*lists, flags, strict=True):
            for feature, value, kind in zip(features, thresholds, kinds, strict=True):
                if not int(kind) & CATEGORICAL:
                    hints.setdefault(int(feature), Hints()).values.append(float(value))
        return hints

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        yield partial(self._convert, None)
        if not self._is_classifier:
            yield partial(self._convert, TREES_PER_SUM)

    @property
    def _is_classifier(self) -> bool:
        return self._objective.startswith(("binary", "multiclass"))

    def _convert(self, split: int | None) -> Any:
        return convert_lightgbm(
            self._booster,
            name="lightgbm",
            initial_types=[(INPUT, FloatTensorType([None, self.features.count]))],
            target_opset=OPSET,
            zipmap=False,
            split=split,
        )

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> dict[str, Array]:
        answer = np.asarray(self._booster.predict(feeds[INPUT]))
        return split_probabilities(answer) if self._is_classifier else {"variable": answer}


def _read_lists(text: str, name: str) -> list[list[str]]:
    """The values under a name, of each tree that has any."""
    lines = text.partition("end of trees")[0].splitlines()
    return [
        line.partition("=")[2].split()
        for line in lines
        if line.startswith(f"{name}=") and line.partition("=")[2]
    ]

"""LightGBM by onnxmltools: a Booster saved as text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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
)

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
        self._objective = str(self._booster.dump_model(num_iteration=1).get("objective", ""))

    @property
    def features(self) -> Features:
        names = tuple(self._booster.feature_name())
        numbered = tuple(f"Column_{number}" for number in range(len(names)))
        return Features(len(names), () if names == numbered else names)

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

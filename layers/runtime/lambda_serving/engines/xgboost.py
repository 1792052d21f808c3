"""Engine ``xgboost``: a Booster saved as UBJSON or JSON."""

from __future__ import annotations

import re
from os import PathLike
from typing import Any

import xgboost

from lambda_serving.engines.base import Engine, check_options, refuse_model
from lambda_serving.errors import InputError, ModelLoadError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings


class XgboostEngine(Engine):
    """Calls ``Booster.predict``; ``[engine_options]`` are its keyword arguments.

    ``preprocess`` may return a ``DMatrix`` (ClearML's way) or anything that one is made of.
    """

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        super().__init__(settings, vcpus)
        self._options = check_options(settings, xgboost.Booster.predict, ("data",))

    def _read(self, model: Model) -> Any:
        data = model.read_bytes()
        if data is None:
            data = model.find_file().read_bytes()
        if not data[:100].lstrip().startswith(b"{"):
            # XGBoost aborts the process over an empty buffer.
            raise ModelLoadError(
                "xgboost cannot load the model: it is neither UBJSON nor JSON; if it is XGBoost's"
                " older binary, load it with XGBoost 3.0 or older and save it as .ubj"
            )
        try:
            booster = xgboost.Booster(model_file=bytearray(data))
        except xgboost.core.XGBoostError as error:
            raise refuse_model("xgboost cannot load the model", error) from error
        booster.set_param({"nthread": self._vcpus})
        return booster

    def predict(self, data: Any) -> Any:
        if isinstance(data, str | bytes | PathLike):
            # XGBoost would take it for the name of a file to read.
            raise InputError(f"the model takes rows of numbers, got {type(data).__name__}")
        is_booster = isinstance(self._model, xgboost.Booster)
        try:
            if is_booster and not isinstance(data, xgboost.DMatrix):
                data = self._make_matrix(data)
            return self._model.predict(data, **(self._options if is_booster else {}))
        except Exception as error:
            from lambda_serving.engines.refusals import raise_refusal

            raise_refusal(error, self._describe_difference(data, str(error)))
            raise

    def _make_matrix(self, data: Any) -> Any:
        """Rows without names have the model's, which refuses them else."""
        matrix = xgboost.DMatrix(data, nthread=self._vcpus)
        names = self._model.feature_names
        if names and matrix.feature_names is None and matrix.num_col() == len(names):
            matrix.feature_names = names
        return matrix

    def _describe_difference(self, data: Any, text: str) -> str:
        """What XGBoost's text leaves out: a column's name, or what the model takes."""
        expected = self.describe().get("features")
        column = re.search(r"the (\d+)th \(0-based\) column", text)
        if column and isinstance(expected, list):
            return f" (the column {expected[int(column[1])]!r})"
        got = f"{data.num_col()} features" if hasattr(data, "num_col") else type(data).__name__
        return f"; expected rows of {expected} features, got {got}"

    def describe(self) -> dict[str, Any]:
        if not isinstance(self._model, xgboost.Booster):
            return super().describe()
        return {"features": self._model.feature_names or self._model.num_features()}

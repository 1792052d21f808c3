"""Engine ``lightgbm``: a Booster saved as text."""

from __future__ import annotations

from os import PathLike
from typing import Any

import lightgbm

from lambda_serving.engines.base import Engine, check_options, refuse_model
from lambda_serving.errors import InputError, ModelLoadError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings

PARAMETERS = (
    "num_threads",
    "predict_disable_shape_check",
    "pred_early_stop",
    "pred_early_stop_freq",
    "pred_early_stop_margin",
)
"""What ``Booster.predict`` passes to LightGBM itself (LightGBM, "Parameters", Predict)."""


class LightgbmEngine(Engine):
    """Calls ``Booster.predict``; ``[engine_options]`` are its keyword arguments."""

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        super().__init__(settings, vcpus)
        taken = ("data", "data_has_header")
        self._options = check_options(settings, lightgbm.Booster.predict, taken, PARAMETERS)
        self._options.setdefault("num_threads", vcpus)

    def _read(self, model: Model) -> Any:
        data = model.read_bytes()
        try:
            text = model.find_file().read_text() if data is None else data.decode()
            # LightGBM takes a text that is cut off, and predicts with the trees that are left.
            if "end of trees" not in text:
                raise ModelLoadError("lightgbm cannot load the model: its text is cut short")
            return lightgbm.Booster(model_str=text)
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
            raise refuse_model("lightgbm cannot load the model", error) from error

    def predict(self, data: Any) -> Any:
        if isinstance(data, str | bytes | PathLike):
            # LightGBM would take it for the name of a file to read.
            raise InputError(f"the model takes rows of numbers, got {type(data).__name__}")
        if not isinstance(self._model, lightgbm.Booster):
            return super().predict(data)
        try:
            return self._model.predict(data, **self._options)
        except Exception as error:
            from lambda_serving.engines.refusals import raise_refusal

            raise_refusal(error, self._describe_categories(data))
            raise

    def _describe_categories(self, data: Any) -> str:
        """What LightGBM's error leaves out: which columns of a DataFrame hold categories."""
        expected = self._model.pandas_categorical
        if expected is None or not hasattr(data, "dtypes"):
            return ""
        got = [name for name, kind in data.dtypes.items() if str(kind) == "category"]
        return (
            f"; {len(expected)} columns were of the dtype category in the training,"
            f" now these are: {got}"
        )

    def describe(self) -> dict[str, Any]:
        if not isinstance(self._model, lightgbm.Booster):
            return super().describe()
        return {"features": self._model.feature_name()}

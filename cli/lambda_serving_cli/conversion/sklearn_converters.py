"""Converters that skl2onnx needs beside its own."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from skl2onnx import update_registered_converter
from skl2onnx.common._registration import get_converter, register_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from lambda_serving_cli.conversion.frameworks import require_packages

_CLASSIFIER_OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False]}


def register_converters(model: Any) -> tuple[str, ...]:
    """Make skl2onnx know what is in the model; gives the packages that this takes.

    Raises:
        ConversionError: onnxmltools is missing.
    """
    _register_histograms()
    parts = [model, *model.get_params(deep=True).values()]
    libraries = {type(part).__module__.partition(".")[0] for part in parts}
    packages = []
    for library, (register, names) in _BOOSTERS.items():
        if library in libraries:
            require_packages(f"scikit-learn with {library}", {"onnxmltools": "onnxmltools"})
            register()
            packages += [*names, "onnxmltools"]
    for part in parts:
        if hasattr(part, "get_booster") and hasattr(part, "n_features_in_"):
            # onnxmltools takes no other names than f0, f1, ...; the rows come as arrays.
            part.get_booster().feature_names = None
    return tuple(packages)


def _register_xgboost() -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

    for kind in (XGBClassifier, XGBRFClassifier):
        _register_classifier(kind, convert_xgboost)
    for kind in (XGBRegressor, XGBRFRegressor):
        _register_regressor(kind, convert_xgboost)


def _register_lightgbm() -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    _register_classifier(LGBMClassifier, convert_lightgbm)
    _register_regressor(LGBMRegressor, convert_lightgbm)


def _register_classifier(kind: type, convert: Callable[..., None]) -> None:
    update_registered_converter(
        kind,
        kind.__name__,
        calculate_linear_classifier_output_shapes,
        convert,
        overwrite=True,
        options=_CLASSIFIER_OPTIONS,
    )


def _register_regressor(kind: type, convert: Callable[..., None]) -> None:
    update_registered_converter(
        kind, kind.__name__, calculate_linear_regressor_output_shapes, convert, overwrite=True
    )


_BOOSTERS: Mapping[str, tuple[Callable[[], None], tuple[str, ...]]] = {
    "xgboost": (_register_xgboost, ("xgboost", "xgboost-cpu")),
    "lightgbm": (_register_lightgbm, ("lightgbm",)),
}
"""Module -> what registers its estimators, and the distributions that bring it."""

_HISTOGRAMS = (
    "SklearnHistGradientBoostingClassifier",
    "SklearnHistGradientBoostingRegressor",
)


class _Flagless:
    """Takes a graph's nodes on to skl2onnx's container, their flags as the integers they stand for.

    skl2onnx 1.20 writes "missing values go left" as bool, which protobuf 7 refuses.
    """

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *args: Any, **attributes: Any) -> Any:
        name = "nodes_missing_value_tracks_true"
        if name in attributes:
            attributes[name] = [int(flag) for flag in attributes[name]]
        return self._container.add_node(*args, **attributes)


@cache
def _register_histograms() -> None:
    for name in _HISTOGRAMS:
        known = get_converter(name)
        register_converter(name, _wrap_container(known), True, known.get_allowed_options())


def _wrap_container(convert: Callable[..., None]) -> Callable[..., None]:
    def wrapped(scope: Any, operator: Any, container: Any) -> None:
        convert(scope, operator, _Flagless(container))

    return wrapped

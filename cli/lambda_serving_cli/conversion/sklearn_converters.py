"""Converters that skl2onnx needs beside its own."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from skl2onnx import update_registered_converter
from skl2onnx.common._registration import get_converter, register_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn.base import ClassifierMixin

from lambda_serving_cli.conversion.original import require_packages


def register_converters(model: Any) -> tuple[str, ...]:
    """Make skl2onnx know what is in the model; gives the packages that this takes."""
    _register_histograms()
    parts = [model, *model.get_params(deep=True).values()]
    libraries = {type(part).__module__.partition(".")[0] for part in parts}
    packages = []
    for library, (register, names) in _BOOSTERS.items():
        if library in libraries:
            require_packages(f"scikit-learn with {library}", "onnxmltools")
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

    for kind in (XGBClassifier, XGBRFClassifier, XGBRegressor, XGBRFRegressor):
        _register(kind, convert_xgboost)


def _register_lightgbm() -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    for kind in (LGBMClassifier, LGBMRegressor):
        _register(kind, convert_lightgbm)


def _register(kind: type, convert: Callable[..., None]) -> None:
    shapes, options = calculate_linear_regressor_output_shapes, None
    if issubclass(kind, ClassifierMixin):
        shapes = calculate_linear_classifier_output_shapes
        options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
    update_registered_converter(
        kind, kind.__name__, shapes, convert, overwrite=True, options=options
    )


_BOOSTERS: Mapping[str, tuple[Callable[[], None], tuple[str, ...]]] = {
    "xgboost": (_register_xgboost, ("xgboost", "xgboost-cpu")),
    "lightgbm": (_register_lightgbm, ("lightgbm",)),
}
"""Module -> what registers its estimators, and the distributions that bring it."""


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
    for kind in ("Classifier", "Regressor"):
        name = f"SklearnHistGradientBoosting{kind}"
        known = get_converter(name)
        flagless = partial(_convert_flagless, known)
        register_converter(name, flagless, True, known.get_allowed_options())


def _convert_flagless(
    convert: Callable[..., None], scope: Any, operator: Any, container: Any
) -> None:
    convert(scope, operator, _Flagless(container))

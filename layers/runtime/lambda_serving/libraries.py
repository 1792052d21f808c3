"""Where a module comes from that user code or a model needs and the function does not have."""

from __future__ import annotations

import sys
from typing import Final

LAYERS: Final = {
    "joblib": "engine_sklearn",
    "lightgbm": "engine_lightgbm",
    "numpy": "engine_onnx",
    "onnxruntime": "engine_onnx",
    "scipy": "engine_sklearn",
    "skops": "engine_sklearn",
    "sklearn": "engine_sklearn",
    "threadpoolctl": "engine_sklearn",
    "xgboost": "engine_xgboost",
}
"""Module -> the layer to attach for it; the smallest, where several hold it."""

ELSEWHERE: Final = ": list its package in the endpoint's requirements.txt"


def describe_missing(error: BaseException) -> str:
    """What to do about a missing module, to end an error's text; "" for any other error."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    module = error.name.partition(".")[0]
    text = f"; there is no module {error.name!r}"
    if sys.modules.get(module) is not None:  # but the library, in a version without it
        return text
    layer = LAYERS.get(module)
    return text + (f": attach the layer {layer!r}" if layer else ELSEWHERE)

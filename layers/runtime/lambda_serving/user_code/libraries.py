"""Which layer or package has a missing module or shared library."""

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

SHARED: Final = {"libgomp.so.1": ": attach the layer 'engine_lightgbm'"}
"""Shared library -> what brings it."""

SHARED_ELSEWHERE: Final = (
    ": neither Lambda's system nor a layer of this function has it; take a package whose wheel"
    " brings it (such as opencv-python-headless), or put it into the folder lib of the endpoint"
)


def find_shared_library(error: BaseException) -> str:
    """The name of the shared library that the loader did not find; "" for any other error."""
    if not isinstance(error, ImportError | OSError):
        return ""
    name, told, _ = str(error).partition(": cannot open shared object file")  # dlerror(3)
    return name if told else ""


def describe_missing(error: BaseException) -> str:
    """What to do about what is missing; "" for any other error."""
    if name := find_shared_library(error):
        return f"there is no shared library {name!r}{SHARED.get(name, SHARED_ELSEWHERE)}"
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    module = error.name.partition(".")[0]
    text = f"there is no module {error.name!r}"
    if sys.modules.get(module) is not None:  # but the library, in a version without it
        return text
    layer = LAYERS.get(module)
    return text + (f": attach the layer {layer!r}" if layer else ELSEWHERE)

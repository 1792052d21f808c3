"""The table of engines, by import string. An engine is imported when it is used."""

from __future__ import annotations

from typing import Final

ENGINES: Final = {
    "onnx": "lambda_serving.engines.onnx:OnnxEngine",
    "triton": "lambda_serving.engines.onnx:OnnxEngine",
    "sklearn": "lambda_serving.engines.sklearn:SklearnEngine",
    "xgboost": "lambda_serving.engines.xgboost:XgboostEngine",
    "lightgbm": "lambda_serving.engines.lightgbm:LightgbmEngine",
    "custom": "lambda_serving.engines.custom:CustomEngine",
    "custom_async": "lambda_serving.engines.custom:CustomEngine",
    "canary": "lambda_serving.versions.canary:Canary",
}
"""Engine name of ``endpoint.toml`` -> ``module:class``."""

"""The frameworks by name, and what each needs installed."""

import warnings
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

from lambda_serving_cli.conversion.original import ConversionError, Original


@dataclass(frozen=True)
class Framework:
    """`original` is ``module:class``; `packages` are distributions by the module they bring."""

    original: str
    packages: dict[str, str]


_ONNX = {"numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime"}
_HERE = "lambda_serving_cli.conversion"

FRAMEWORKS: Final = {
    "sklearn": Framework(
        f"{_HERE}.sklearn:SklearnModel",
        {"sklearn": "scikit-learn", "skl2onnx": "skl2onnx", **_ONNX},
    ),
    "xgboost": Framework(
        f"{_HERE}.xgboost:XgboostModel",
        {"xgboost": "xgboost-cpu", "onnxmltools": "onnxmltools", **_ONNX},
    ),
    "lightgbm": Framework(
        f"{_HERE}.lightgbm:LightgbmModel",
        {"lightgbm": "lightgbm", "onnxmltools": "onnxmltools", **_ONNX},
    ),
    "pytorch": Framework(
        f"{_HERE}.torch:TorchModel", {"torch": "torch", "onnxscript": "onnxscript", **_ONNX}
    ),
}
ALIASES: Final = {"scikit-learn": "sklearn", "torch": "pytorch"}

PICKLES = {".joblib", ".pkl", ".pickle", ".skops"}
"""Estimators of XGBoost and LightGBM that were pickled are scikit-learn's to convert."""


def find_framework(name: str, path: Path) -> Framework:
    """What converts a model of this framework in that file, with all that it needs installed.

    Raises:
        ConversionError: the framework is another one, or a package is missing.
    """
    name = ALIASES.get(name, name)
    if name == "onnx":
        raise ConversionError("the model is an ONNX model already", advice="leave out --to-onnx")
    if name not in FRAMEWORKS:
        raise ConversionError(
            f"a model of the framework {name!r} cannot be converted to ONNX",
            advice=f"models of {', '.join(FRAMEWORKS)} can",
        )
    require_packages(name, FRAMEWORKS[name].packages)
    if name in ("xgboost", "lightgbm") and path.suffix in PICKLES:
        require_packages("scikit-learn", FRAMEWORKS["sklearn"].packages)
        return FRAMEWORKS["sklearn"]
    return FRAMEWORKS[name]


def require_packages(what: str, packages: dict[str, str]) -> None:
    """Tell all that is missing at once.

    Raises:
        ConversionError: a package is not installed.
    """
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        raise ConversionError(
            f"to convert a model of {what}, these packages are missing: {', '.join(missing)}",
            advice=f"install them: uv pip install {' '.join(missing)}",
        )


def read_original(framework: Framework, path: Path, notes: list[str]) -> Original:
    """Import the framework and read the model; what it warns of the model goes to `notes`.

    Raises:
        ConversionError: it cannot be read.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise ConversionError(f"{path} {what}", advice="give the one file of the model")
    module, _, class_name = framework.original.partition(":")
    try:
        model_class = cast(type[Original], getattr(import_module(module), class_name))
    except (ImportError, OSError) as error:  # a package that is there, and lacks something
        raise ConversionError(
            f"{', '.join(framework.packages.values())}: one of these cannot be imported:"
            f" {summarise_error(error)}"
        ) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        original = model_class(path)
    # Such as a model of another version of scikit-learn; no word of what is deprecated in torch.
    told = [warning for warning in caught if issubclass(warning.category, UserWarning)]
    notes += dict.fromkeys(str(warning.message) for warning in told)
    return original


def summarise_error(error: Exception) -> str:
    """The first line of what a library raised; some go on for pages."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__

"""The frameworks by name, and what the module of each gives: the original model, read and asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_serving_cli.terminal.errors import CommandError

if TYPE_CHECKING:
    import numpy as np
    import onnx

type Array = np.ndarray[Any, Any]

type Arrays = Mapping[str, Array]
"""By the name of a graph's input or output; the first axis is the rows."""

INPUT = "input"
"""Name of the one input of a model that takes rows of numbers, [rows, features]."""


class ConversionError(CommandError):
    """The model cannot be converted, or what came of it answers otherwise."""


@dataclass(frozen=True)
class Features:
    """What a row is made of. `names` is empty where the model does not know them.

    By column, each feature is an input of its own, [rows, 1], of numbers or strings.
    """

    count: int
    names: tuple[str, ...] = ()
    by_column: bool = False

    def __str__(self) -> str:
        return f"{self.count} features" + (f" ({', '.join(self.names)})" if self.names else "")


@dataclass
class Hints:
    """What is known of one feature: values that tell it apart, and whether it has only such.

    Those in `exact` are float32 in the original too. `categories` are those of the original's own
    encoder or trees; one that is none of them is tried where `takes_unknown`.
    """

    values: list[float] = field(default_factory=list)
    exact: list[float] = field(default_factory=list)
    is_category: bool = False
    categories: list[Any] = field(default_factory=list)
    takes_unknown: bool = False


type Attempt = Callable[[], onnx.ModelProto]
"""One way to convert; may raise anything."""


class Original:
    """A model in its own library, which a framework's module derives from this."""

    library: str
    """Its name, for a person."""
    packages: tuple[str, ...]
    """Those whose versions made the model what it is."""
    answer_name = ""
    """Of several outputs the one that the framework's own engine gives."""
    features: Features | None = None
    """None where the inputs are tensors of any shape."""
    inputs: tuple[str, ...] = ()
    """The names of the inputs where they are tensors."""

    def __init__(self, path: Path) -> None:
        """Read the model. May raise anything that the library raises.

        Raises:
            ConversionError: it is not one of this framework, or of no use here.
        """

    def read_hints(self) -> Mapping[int, Hints]:
        """What the model itself knows of its features, which the graph may have lost."""
        return {}

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        """Ways to convert, the cheapest graph first; `feeds` are the sample, if there is one."""
        raise NotImplementedError

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> Arrays:
        """What this model answers, by those names of the graph's outputs that it has.

        May raise anything that the library raises.
        """
        raise NotImplementedError


class Framework(NamedTuple):
    """What converts its models, a class of a module beside this one, and modules that it needs."""

    module: str
    class_name: str
    needed: tuple[str, ...]


ONNX = ("numpy", "onnx", "onnxruntime")
FRAMEWORKS = {
    "sklearn": Framework("sklearn", "SklearnModel", ("sklearn", "skl2onnx", *ONNX)),
    "xgboost": Framework("xgboost", "XgboostModel", ("xgboost", "onnxmltools", *ONNX)),
    "lightgbm": Framework("lightgbm", "LightgbmModel", ("lightgbm", "onnxmltools", *ONNX)),
    "pytorch": Framework("torch", "TorchModel", ("torch", "onnxscript", *ONNX)),
}
ALIASES = {"scikit-learn": "sklearn", "torch": "pytorch"}

DISTRIBUTIONS = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}
"""Module -> what brings it, where that has another name."""

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
    require_packages(name, *FRAMEWORKS[name].needed)
    if name in ("xgboost", "lightgbm") and path.suffix in PICKLES:
        name = "sklearn"
        require_packages("scikit-learn", *FRAMEWORKS[name].needed)
    return FRAMEWORKS[name]


def require_packages(what: str, *modules: str) -> None:
    """Tell all that is missing at once."""
    missing = [DISTRIBUTIONS.get(each, each) for each in modules if find_spec(each) is None]
    if missing:
        raise ConversionError(
            f"to convert a model of {what}, these packages are missing: {', '.join(missing)}",
            advice=f"install them: uv pip install {' '.join(missing)}",
        )


def read_original(framework: Framework, path: Path, notes: list[str]) -> Original:
    """Import the framework and read the model; what it warns of the model goes to `notes`."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise ConversionError(f"{path} {what}", advice="give the one file of the model")
    names = ", ".join(DISTRIBUTIONS.get(each, each) for each in framework.needed)
    with translate_errors(f"{names}: one of these cannot be imported"):
        module = import_module(f"{__package__}.{framework.module}")
    model_class: type[Original] = getattr(module, framework.class_name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with translate_errors(f"{model_class.library} cannot load {path.name}"):
            original = model_class(path)
    # Such as a model of another version of scikit-learn; no word of what is deprecated in torch.
    told = [warning for warning in caught if issubclass(warning.category, UserWarning)]
    notes += dict.fromkeys(str(warning.message) for warning in told)
    return original


@contextmanager
def translate_errors(what: str, advice: str = "") -> Iterator[None]:
    """What a library raises, as a ConversionError that begins with `what`."""
    try:
        yield
    except ConversionError:
        raise
    except Exception as error:  # libraries, and models, raise anything
        # The first line; some go on for pages.
        told = [type(error).__name__, str(error).strip().partition("\n")[0][:300]]
        reason = ": ".join(filter(None, [what, *told]))
        raise ConversionError(reason, advice=advice) from error

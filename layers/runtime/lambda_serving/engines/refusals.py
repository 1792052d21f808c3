"""Decides whether an error of a model is about its input. Imported when a model failed.

Libraries raise ``ValueError`` and ``TypeError`` for wrong inputs and for broken models alike. The
place where the error was raised tells them apart: in the library's checks of its input, or in the
middle of its work.
"""

from __future__ import annotations

import re
import traceback

from lambda_serving.errors import InputError
from lambda_serving.redaction import redact

CHECKS = (
    "lightgbm",
    "sklearn.compose._column_transformer",
    "sklearn.feature_extraction",
    "sklearn.preprocessing._encoders",
    "sklearn.utils._encode",
    "sklearn.utils._indexing",
    "sklearn.utils.validation",
    "xgboost",
)
"""Modules and packages whose errors are about the input."""

CALLED = ("numpy", "pandas", "scipy", "sklearn.utils._array_api", "sklearn.externals")
"""What checks call: an error in there is that of its caller."""

TYPE_CHECKS = (*CHECKS, "sklearn")
"""The same for a ``TypeError``: scikit-learn finds a ``None`` among numbers when it multiplies."""

MOST_CHARACTERS = 500


def raise_refusal(error: Exception, more: str = "") -> None:
    """Nothing, where a model's error is no refusal of its input; ``more`` is added to its text.

    Raises:
        InputError: it is one.
    """
    if is_refusal(error):
        detail = f"the model refuses its input: {clean(str(error))}{more}"
        raise InputError(detail, private=str(error)) from error


def is_refusal(error: Exception) -> bool:
    """Whether the library's checks of its input raised ``error``."""
    name = type(error).__name__
    if name == "NotFittedError":  # a ValueError out of those checks, about the model
        return False
    if not isinstance(error, ValueError | TypeError) and name != "LightGBMError":
        return False
    checks = TYPE_CHECKS if isinstance(error, TypeError) else CHECKS
    return is_within(find_place(error), checks)


def find_place(error: BaseException) -> str:
    """The module that raised ``error``, or called for it one that only does what it is told."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [str(frame.f_globals.get("__name__")) for frame in frames]
    return next((name for name in reversed(modules) if not is_within(name, CALLED)), "")


def is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def clean(text: str) -> str:
    """A library's text on one line, without the place in its own source and its stack."""
    text = redact(re.sub(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", text))
    return " ".join(text.split())[:MOST_CHARACTERS]

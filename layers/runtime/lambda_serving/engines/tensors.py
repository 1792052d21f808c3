"""Named tensors: what a model takes, and the conversion of user data to it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lambda_serving.errors import InputError

NUMPY_TYPES = {
    "float16": "float16",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "bool": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""Element type of onnxruntime's ``tensor(...)`` -> NumPy's name; "str" for strings."""


NUMBERS = {name: np.dtype(name) for name in NUMPY_TYPES.values() if name != "str"}
"""What of NumPy's types an array of numbers may have."""


class TensorSpec(NamedTuple):
    """A tensor's name, NumPy type and shape; -1 stands for any length."""

    name: str
    type: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.type}{list(self.shape)}"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "type": self.type, "shape": list(self.shape)}


def make_tensor(spec: TensorSpec, value: Any) -> np.ndarray[Any, Any]:
    """``value`` (an array, nested lists, a number) as the tensor that ``spec`` asks for.

    Numbers are cast where nothing is lost; ``None`` becomes NaN where the type has it.

    Raises:
        InputError: naming the input, what it takes and what came.
    """
    # What is right already goes on at once: half of the time that it took (0019-cold-start.md).
    if (
        type(value) is np.ndarray
        and value.dtype is NUMBERS.get(spec.type)
        and _fits(spec.shape, value.shape)
    ):
        return value
    try:
        # NumPy would make strings of ["a", 1].
        array = np.asarray(value, dtype=object if spec.type == "str" else None)
    except ValueError as error:
        raise _refuse(spec, "rows of unequal length") from error
    if not _fits(spec.shape, array.shape):
        raise _refuse(spec, f"{array.dtype}{list(array.shape)}")
    if spec.type == "str":
        return _make_strings(spec, array)
    return _cast_numbers(spec, array)


def _fits(expected: tuple[int, ...], given: tuple[int, ...]) -> bool:
    if len(expected) != len(given):
        return False
    # A loop, at every request: all() over a generator takes four times as long.
    for length, got in zip(expected, given):  # noqa: B905
        if length != got and length != -1:
            return False
    return True


def _make_strings(spec: TensorSpec, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    strings = array.astype(object)
    others = [type(item).__name__ for item in strings.flat if not isinstance(item, str)]
    if others:
        raise _refuse(spec, f"{others[0]} in {list(array.shape)}")
    return strings


def _cast_numbers(spec: TensorSpec, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    target = NUMBERS.get(spec.type)
    if target is None:
        raise InputError(f"input {spec.name!r}: {spec.type} cannot be made from JSON or NumPy")
    if array.dtype == target:
        return array
    given = f"{array.dtype}{list(array.shape)}"
    if array.dtype.kind not in ("biufO" if target.kind == "f" else "biuf"):
        raise _refuse(spec, given)
    too_large = f"{given} with values that {spec.type} cannot hold"
    try:
        # A finite number that would become infinite raises.
        with np.errstate(all="ignore", over="raise"):
            cast = array.astype(target)  # None becomes NaN; other objects than numbers raise
    except ArithmeticError as error:
        raise _refuse(spec, too_large) from error
    except (TypeError, ValueError) as error:
        raise _refuse(spec, f"{given} with values that are no numbers") from error
    if target.kind in "biu" and not np.array_equal(cast, array):
        raise _refuse(spec, too_large)
    return cast


def _refuse(spec: TensorSpec, given: str) -> InputError:
    return InputError(f"input {spec.name!r}: expected {spec}, got {given}")

"""Whether two models answer alike."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lambda_serving_cli.conversion.original import Array, Arrays


@dataclass(frozen=True)
class Difference:
    """How far one output is from the original's, and the words for it.

    Of numbers it is the largest |converted - original| / max(1, |original|): as it is for
    probabilities, relative for what is larger than 1. Of labels, and of what cannot be compared,
    it is 0 or infinite.
    """

    output: str
    value: float
    detail: str = ""


def compare_answers(original: Arrays, converted: Arrays) -> Iterator[Difference]:
    """The difference of each output that both have."""
    for name in converted:
        if name in original:
            yield compare_output(name, original[name], converted[name])


def compare_output(name: str, original: Array, converted: Array) -> Difference:
    original, converted = np.asarray(original), np.asarray(converted)
    if original.size != converted.size:
        shapes = f"{list(original.shape)} by the original, {list(converted.shape)} converted"
        return Difference(name, math.inf, shapes)
    converted = converted.reshape(original.shape)
    if original.dtype.kind not in "biuf" or converted.dtype.kind not in "biuf":
        return compare_labels(name, original.astype(str), converted.astype(str))
    if name == "label":
        return compare_labels(name, original, converted)
    return compare_numbers(name, original, converted)


def compare_labels(name: str, original: Array, converted: Array) -> Difference:
    differ = np.flatnonzero(original.ravel() != converted.ravel())
    if not differ.size:
        return Difference(name, 0.0)
    first = differ[0]
    return Difference(
        name,
        math.inf,
        f"{differ.size} of {original.size} differ, the first in row {first + 1}:"
        f" {original.ravel()[first]} by the original, {converted.ravel()[first]} converted",
    )


def compare_numbers(name: str, original: Array, converted: Array) -> Difference:
    original, converted = original.astype(np.float64), converted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        distance = np.abs(converted - original) / np.maximum(1, np.abs(original))
    alike = (original == converted) | (np.isnan(original) & np.isnan(converted))
    distance = np.where(alike, 0.0, np.where(np.isnan(distance), math.inf, distance))
    if not distance.any():
        return Difference(name, 0.0)
    place = np.unravel_index(distance.argmax(), distance.shape)
    return Difference(
        name,
        float(distance[place]),
        f"the most in row {place[0] + 1}:"
        f" {original[place]:.9g} by the original, {converted[place]:.9g} converted",
    )

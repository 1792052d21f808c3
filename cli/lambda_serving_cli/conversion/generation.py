"""Samples made up where a user gives none: from what the graph compares its inputs with.

Trees tell their thresholds, scalers the mean and the spread of each feature. A converted tree
goes wrong at its thresholds first, so that half of the values lie close beside one. None lies on
one: the original may have it in float64, where float32 cannot tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper

from lambda_serving_cli.conversion.original import INPUT, Array, Arrays

ROWS = 1000
BESIDE = 1e-5
"""How far beside a threshold, relative to it."""

SEED = 0

PASSES_ON = {"Cast", "Identity", "Imputer"}
"""Operators that leave each feature where it was."""


@dataclass
class Hints:
    """What is known of one feature: values that tell it apart, and whether it has only such."""

    values: list[float] = field(default_factory=list)
    is_category: bool = False


def generate_sample(count: int, model: onnx.ModelProto) -> Arrays:
    """float64 [ROWS, count]; the same at every run. Standard normal where nothing is known."""
    random = np.random.default_rng(SEED)
    hints = read_hints(count, model)
    return {INPUT: np.stack([draw_values(hint, random) for hint in hints], axis=1)}


def punch_holes(feeds: Arrays) -> Arrays | None:
    """The same rows, a fifth of their values missing; None where they are not rows of numbers."""
    if set(feeds) != {INPUT} or feeds[INPUT].dtype != np.float64:
        return None
    rows = feeds[INPUT].copy()
    rows[np.random.default_rng(SEED).random(rows.shape) < 0.2] = np.nan
    return {INPUT: rows}


def draw_values(hint: Hints, random: np.random.Generator) -> Array:
    """ROWS values of one feature."""
    if not hint.values:
        return random.standard_normal(ROWS)
    known = np.unique(hint.values)
    if hint.is_category:
        return random.integers(0, int(known[-1]) + 2, ROWS).astype(np.float64)
    margin = 0.1 * (known[-1] - known[0]) or 1.0
    between = random.uniform(known[0] - margin, known[-1] + margin, ROWS)
    beside = random.choice(known, ROWS) * (1 + random.choice([-BESIDE, BESIDE], ROWS))
    return np.where(random.random(ROWS) < 0.5, beside, between)


def read_hints(count: int, model: onnx.ModelProto) -> list[Hints]:
    """What the nodes that the input goes into, as it is, tell of each feature."""
    hints = [Hints() for _ in range(count)]
    for node in find_readers(model.graph):
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type.startswith("TreeEnsemble"):
            for feature, value, mode in zip(
                attributes["nodes_featureids"],
                attributes["nodes_values"],
                attributes["nodes_modes"],
                strict=True,
            ):
                if mode != b"LEAF" and feature < count and np.isfinite(value):
                    hints[feature].values.append(value)
                    hints[feature].is_category |= mode in (b"BRANCH_EQ", b"BRANCH_NEQ")
        elif node.op_type == "Scaler":
            means = np.broadcast_to(attributes["offset"], count)
            factors = np.broadcast_to(attributes["scale"], count)
            for hint, mean, factor in zip(hints, means, factors, strict=True):
                hint.values += [mean - 3 / factor, mean + 3 / factor]
    return hints


def find_readers(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes that get the input, or what only passes it on."""
    same = {INPUT}
    for node in graph.node:  # in the order of computation (ONNX, "Graphs")
        if node.input and node.input[0] in same:
            if node.op_type in PASSES_ON:
                same.update(node.output)
            yield node

"""Samples made up from what the original and the graph compare their inputs with.

Trees tell their thresholds, encoders their categories, scalers the mean and the spread of each
feature. A converted tree goes wrong at its thresholds first, so that half of the values lie close
beside one. On one, and at float32's next values, lie those that float32 can tell from it: where a
threshold of the original is no float32, 16.795 itself may fall on either side of it.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper

from lambda_serving_cli.conversion.original import INPUT, Array, Arrays, Hints

ROWS = 1000
BESIDE = 1e-5
"""How far beside a threshold, relative to it."""

SEED = 0

UNKNOWN = "a category that is not known"

PASSES_ON = {"Cast", "Identity", "Imputer"}
"""Operators that leave each feature where it was."""


def generate_sample(
    count: int,
    model: onnx.ModelProto,
    known: Mapping[int, Hints] | None = None,
    given: Arrays | None = None,
) -> Arrays:
    """float64 [ROWS, count]; the same at every run.

    `known` is what the original tells. Of what nothing is known the values are those of the
    `given` rows, or standard normal.
    """
    random = np.random.default_rng(SEED)
    columns = []
    for index, hint in enumerate(read_hints(count, model)):
        own = (known or {}).get(index, Hints())
        hint.categories, hint.takes_unknown = own.categories, own.takes_unknown
        hint.exact = [value for value in own.values if float(np.float32(value)) == value]
        hint.values += hint.exact
        columns.append(draw_values(hint, random, None if given is None else given[INPUT][:, index]))
    return {INPUT: np.stack(columns, axis=1)}


def shuffle_columns(names: Sequence[str], known: Mapping[int, Hints], given: Arrays) -> Arrays:
    """By column: categories that the original knows, and the values of the given rows, anew."""
    random = np.random.default_rng(SEED)
    columns = {}
    for index, name in enumerate(names):
        own = known.get(index, Hints())
        hint = Hints(categories=own.categories, takes_unknown=own.takes_unknown)
        columns[name] = draw_values(hint, random, given[name][:, 0])[:, None]
    return columns


def punch_holes(feeds: Arrays) -> Arrays | None:
    """The same rows, a fifth of their values missing; None where they are not rows of numbers."""
    if set(feeds) != {INPUT} or feeds[INPUT].dtype != np.float64:
        return None
    rows = feeds[INPUT].copy()
    rows[np.random.default_rng(SEED).random(rows.shape) < 0.2] = np.nan
    return {INPUT: rows}


def draw_values(hint: Hints, random: np.random.Generator, given: Array | None = None) -> Array:
    """ROWS values of one feature."""
    if hint.categories:
        values = list(hint.categories)
        is_text = any(isinstance(value, str) for value in values)
        if hint.takes_unknown:
            values.append(UNKNOWN if is_text else max(values) + 1)
        choices = np.array(values, dtype=object if is_text else np.float64)
        return choices[random.integers(0, len(choices), ROWS)]
    if not hint.values:
        return random.standard_normal(ROWS) if given is None else random.choice(given, ROWS)
    known = np.unique(hint.values)
    if hint.is_category:
        return random.integers(0, int(known[-1]) + 2, ROWS).astype(np.float64)
    margin = 0.1 * (known[-1] - known[0]) or 1.0
    between = random.uniform(known[0] - margin, known[-1] + margin, ROWS)
    between = between.astype(np.float32).astype(np.float64)
    near = random.choice(known, ROWS)
    beside = near * (1 + random.choice([-BESIDE, BESIDE], ROWS))
    is_exact = np.isin(near, hint.exact)
    to = random.choice([-np.inf, 0, np.inf], ROWS).astype(np.float32)
    exact = near.astype(np.float32)
    exact = np.where(to == 0, exact, np.nextafter(exact, to)).astype(np.float64)
    beside = np.where(is_exact & (random.random(ROWS) < 0.5), exact, beside)
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

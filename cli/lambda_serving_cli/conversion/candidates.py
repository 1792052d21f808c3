"""Graphs on trial: converted, and compared with the original on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from lambda_serving.errors import ServingError
from lambda_serving_cli.conversion.comparison import Difference, compare_answers
from lambda_serving_cli.conversion.frameworks import summarise_error
from lambda_serving_cli.conversion.generation import generate_sample, punch_holes
from lambda_serving_cli.conversion.graph import Graph, declare_shapes, keep_outputs, optimise
from lambda_serving_cli.conversion.original import Arrays, Attempt, ConversionError, Original
from lambda_serving_cli.conversion.samples import read_sample, read_tensors


@dataclass(frozen=True)
class Candidate:
    """A graph, what it was asked, and how far its answers are from the original's."""

    model: onnx.ModelProto
    tensors: dict[str, Any]
    feeds: Arrays
    answers: Arrays
    differences: list[Difference]

    @property
    def worst(self) -> Difference:
        return max(self.differences, key=lambda difference: difference.value)

    @property
    def by_output(self) -> dict[str, float]:
        return {difference.output: difference.value for difference in self.differences}

    @property
    def rows(self) -> int:
        return len(next(iter(self.feeds.values())))


def read_feeds(original: Original, sample: Path | None) -> Arrays | None:
    """None where one is to be generated.

    Raises:
        ConversionError: it cannot be read; or there is none, and none can be made up.
    """
    features = original.features
    if sample is not None:
        if features is None:
            return read_tensors(sample, original.inputs)
        return read_sample(sample, features)
    if features is None:
        raise ConversionError(
            "the model does not tell the shapes of its inputs",
            advice="give a sample of them: --rows inputs.npy (or .npz, .json)",
        )
    if features.by_column:
        raise ConversionError(
            "the model finds its columns by name, and does not tell what they hold",
            advice="give some rows: --rows rows.csv (or .json), with the columns "
            + ", ".join(features.names),
        )
    return None


def find_candidate(original: Original, feeds: Arrays | None, tolerance: float) -> Candidate:
    """The first attempt that answers as the original does.

    Raises:
        ConversionError: none does; of the best, or why there is none.
    """
    best: Candidate | None = None
    failures: list[ConversionError] = []
    for attempt in original.list_attempts(feeds):
        try:
            candidate = _try_attempt(original, attempt, feeds)
        except ConversionError as error:
            failures.append(error)
            continue
        feeds = candidate.feeds  # the next one faces the same rows
        if best is None or candidate.worst.value < best.worst.value:
            best = candidate
        if best.worst.value <= tolerance:
            return best
    if best is None:
        raise failures[0]
    raise _refuse(best.worst, tolerance)


def _try_attempt(original: Original, attempt: Attempt, feeds: Arrays | None) -> Candidate:
    try:
        model = attempt()
    except Exception as error:  # converters raise anything
        raise ConversionError(
            f"the model cannot be converted: {summarise_error(error)}",
            advice="serve it by the engine of its own framework",
        ) from error
    if feeds is None and original.features is not None:
        feeds = generate_sample(original.features.count, model)
    return _check(original, model, feeds or {})


def _check(original: Original, model: onnx.ModelProto, feeds: Arrays) -> Candidate:
    """Ask both all rows together, then the first one alone, as most requests do.

    Raises:
        ConversionError: one of them does not answer, or nothing can be compared.
    """
    graph = _open(model)
    answers = _run(graph, feeds, "all rows together")
    first = {name: array[:1] for name, array in feeds.items()}
    asked = [(feeds, answers), (first, _run(graph, first, "the first row alone"))]
    differences: dict[str, Difference] = {}
    for rows, converted in asked:
        for difference in compare_answers(_ask(original, rows, list(answers)), converted):
            known = differences.get(difference.output)
            if known is None or difference.value > known.value:
                differences[difference.output] = difference
    if not differences:
        raise ConversionError(
            f"the original has nothing to compare with the converted outputs {list(answers)}"
        )
    return Candidate(model, graph.tensors, feeds, answers, list(differences.values()))


def _open(model: onnx.ModelProto) -> Graph:
    try:
        return Graph(model.SerializeToString())
    except ServingError as error:
        raise ConversionError(f"{error.detail}: {error.private}"[:400]) from error


def _run(graph: Graph, feeds: Arrays, what: str) -> Arrays:
    try:
        return graph.answer(feeds)
    except ServingError as error:
        raise ConversionError(
            f"the converted model fails on {what}: {error.detail}: {error.private}"[:400]
        ) from error


def _ask(original: Original, feeds: Arrays, outputs: list[str]) -> Arrays:
    try:
        return original.answer(feeds, outputs)
    except ConversionError:
        raise
    except Exception as error:  # the user's own model may raise anything
        raise ConversionError(
            f"the original model refuses the sample: {summarise_error(error)}",
            advice="give rows that it takes: --rows FILE",
        ) from error


def optimise_candidate(original: Original, candidate: Candidate, tolerance: float) -> Candidate:
    """The graph as it is stored, checked once more.

    Raises:
        ConversionError: it differs now.
    """
    keep_outputs(candidate.model, candidate.by_output)
    declare_shapes(candidate.model, candidate.answers)
    optimised = _check(original, optimise(candidate.model), candidate.feeds)
    if optimised.worst.value > tolerance:
        raise _refuse(optimised.worst, tolerance)
    return optimised


def _refuse(worst: Difference, tolerance: float) -> ConversionError:
    if math.isinf(worst.value):
        return ConversionError(
            f"the converted model answers otherwise: {worst.output}: {worst.detail}",
            advice="serve it by the engine of its own framework",
        )
    return ConversionError(
        f"the converted model answers otherwise: {worst.output} differs by {worst.value:.2g},"
        f" over the tolerance of {tolerance:g}; {worst.detail}",
        advice="serve it by the engine of its own framework, or give a --tolerance that your"
        " callers can live with",
    )


def try_missing_values(original: Original, candidate: Candidate, tolerance: float) -> list[str]:
    """A note where the original takes missing values, and the converted model answers otherwise."""
    feeds = punch_holes(candidate.feeds)
    if feeds is None:
        return []
    try:
        _ask(original, feeds, list(candidate.answers))
    except ConversionError:
        return []  # the original takes none either
    try:
        worst = _check(original, candidate.model, feeds).worst
    except ConversionError:
        return [
            "where values are missing (NaN), the original answers; the converted model does not"
        ]
    if worst.value <= tolerance:
        return []
    return [
        f"where values are missing (NaN), the converted model answers otherwise ({worst.output}):"
        " fill them in preprocess"
    ]

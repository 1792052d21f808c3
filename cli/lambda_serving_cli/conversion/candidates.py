"""Graphs on trial: converted, and compared with the original on the same rows."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from lambda_serving.errors import ServingError
from lambda_serving_cli.conversion.comparison import Difference, compare_answers
from lambda_serving_cli.conversion.generation import generate_sample, punch_holes, shuffle_columns
from lambda_serving_cli.conversion.graph import Graph, declare_shapes, keep_outputs, optimise
from lambda_serving_cli.conversion.original import (
    Arrays,
    ConversionError,
    Original,
    translate_errors,
)
from lambda_serving_cli.conversion.samples import read_sample, read_tensors


@dataclass(frozen=True)
class Samples:
    """The rows to compare on. One of the two there always is.

    `refused` says why the original takes no rows that were made up.
    """

    given: Arrays | None
    made_up: Arrays | None = None
    refused: str = ""

    def __iter__(self) -> Iterator[tuple[str, Arrays]]:
        """Each with the words for it."""
        if self.given is not None:
            yield "", self.given
        if self.made_up is not None:
            yield "of the rows made up from the model, ", self.made_up

    @property
    def rows(self) -> int:
        """Those that were given, or else made up."""
        return count_rows(self.made_up if self.given is None else self.given)


def count_rows(feeds: Arrays | None) -> int:
    return 0 if feeds is None else len(next(iter(feeds.values())))


@dataclass(frozen=True)
class Candidate:
    """A graph, what it was asked, and how far its answers are from the original's."""

    model: onnx.ModelProto
    tensors: dict[str, Any]
    samples: Samples
    answers: Arrays
    differences: list[Difference]

    @property
    def worst(self) -> Difference:
        return max(self.differences, key=lambda difference: difference.value)

    @property
    def by_output(self) -> dict[str, float]:
        return {difference.output: difference.value for difference in self.differences}


def read_feeds(original: Original, sample: Path | None) -> Arrays | None:
    """None where one is to be generated.

    Raises:
        ConversionError: it cannot be read; or there is none, and none can be made up.
    """
    features = original.features
    if sample is not None:
        return read_sample(sample, features) if features else read_tensors(sample, original.inputs)
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
    samples: Samples | None = None
    for attempt in original.list_attempts(feeds):
        try:
            advice = "serve it by the engine of its own framework"
            with translate_errors("the model cannot be converted", advice):
                model = attempt()
            # Each attempt faces the same rows.
            samples = samples or make_samples(original, model, feeds)
            candidate = _check(original, model, samples)
        except ConversionError as error:
            failures.append(error)
            continue
        if best is None or candidate.worst.value < best.worst.value:
            best = candidate
        if best.worst.value <= tolerance:
            return best
    if best is None:
        raise failures[0]
    raise _refuse(best.worst, tolerance)


def make_samples(original: Original, model: onnx.ModelProto, given: Arrays | None) -> Samples:
    """The given rows, and rows made up from the model's own thresholds and categories.

    Raises:
        ConversionError: no rows were given, and the original refuses those made up.
    """
    features = original.features
    if features is None:
        return Samples(given)
    known = original.read_hints()
    if not features.by_column:
        made_up = generate_sample(features.count, model, known, given)
    elif given is not None:
        made_up = shuffle_columns(features.names, known, given)
    if given is not None:
        try:
            _ask(original, made_up, [output.name for output in model.graph.output])
        except ConversionError as error:
            return Samples(given, refused=error.reason)
    return Samples(given, made_up)


def _check(original: Original, model: onnx.ModelProto, samples: Samples) -> Candidate:
    """Ask both all rows together, then the first one alone, as most requests do.

    Raises:
        ConversionError: one of them does not answer, or nothing can be compared.
    """
    with _translate_engine_errors():
        graph = Graph(model.SerializeToString())
    differences: dict[str, Difference] = {}
    answers: Arrays = {}
    for words, feeds in samples:
        first = {name: array[:1] for name, array in feeds.items()}
        for rows, what in ((feeds, "all rows together"), (first, "the first row alone")):
            with _translate_engine_errors(f"the converted model fails on {words}{what}: "):
                converted = graph.answer(rows)
            if rows is feeds and not answers:
                answers = converted
            for difference in compare_answers(_ask(original, rows, list(converted)), converted):
                known = differences.get(difference.output)
                if known is None or difference.value > known.value:
                    told = words + difference.detail if difference.detail else ""
                    differences[difference.output] = replace(difference, detail=told)
    if not differences:
        raise ConversionError(
            f"the original has nothing to compare with the converted outputs {list(answers)}"
        )
    return Candidate(model, graph.tensors, samples, answers, list(differences.values()))


@contextmanager
def _translate_engine_errors(what: str = "") -> Iterator[None]:
    """What the engine raises, as a ConversionError that begins with `what`."""
    try:
        yield
    except ServingError as error:
        raise ConversionError(f"{what}{error.detail}: {error.private}"[:400]) from error


def _ask(original: Original, feeds: Arrays, outputs: list[str]) -> Arrays:
    advice = "give rows that it takes: --rows FILE"
    with translate_errors("the original model refuses the sample", advice):
        return original.answer(feeds, outputs)


def optimise_candidate(original: Original, candidate: Candidate, tolerance: float) -> Candidate:
    """The graph as it is stored, checked once more."""
    keep_outputs(candidate.model, candidate.by_output)
    declare_shapes(candidate.model, candidate.answers)
    optimised = _check(original, optimise(candidate.model), candidate.samples)
    if optimised.worst.value > tolerance:
        raise _refuse(optimised.worst, tolerance)
    return optimised


def _refuse(worst: Difference, tolerance: float) -> ConversionError:
    how, advice = f": {worst.detail}", "serve it by the engine of its own framework"
    if math.isfinite(worst.value):
        how = f" differs by {worst.value:.2g}, over the tolerance of {tolerance:g}; {worst.detail}"
        advice += ", or give a --tolerance that your callers can live with"
    return ConversionError(
        f"the converted model answers otherwise: {worst.output}{how}", advice=advice
    )


def try_missing_values(original: Original, candidate: Candidate, tolerance: float) -> list[str]:
    """A note where the original takes missing values, and the converted model answers otherwise."""
    holes = [feeds for _, rows in candidate.samples if (feeds := punch_holes(rows)) is not None]
    if not holes:
        return []
    try:
        for feeds in holes:
            _ask(original, feeds, list(candidate.answers))
    except ConversionError:
        return []  # the original takes none either
    try:
        worst = _check(original, candidate.model, Samples(holes[0], holes[-1])).worst
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

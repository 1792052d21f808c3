"""What a comparison could not show, in words."""

from collections.abc import Sequence

from lambda_serving_cli.conversion.candidates import Candidate
from lambda_serving_cli.conversion.generation import read_hints
from lambda_serving_cli.conversion.original import Original


def list_uncovered(original: Original, candidate: Candidate) -> list[str]:
    """What no row that was compared could show."""
    features, samples = original.features, candidate.samples
    if features is None:
        return ["none but the given rows was tried: of tensors none can be made up"]
    told = [f"none but the given rows was tried: {samples.refused}"] if samples.refused else []
    known = original.read_hints()
    names = features.names or [f"number {index + 1}" for index in range(features.count)]
    graph = None if features.by_column else read_hints(features.count, candidate.model)
    silent = [
        name
        for index, name in enumerate(names)
        if index not in known and not (graph and graph[index].values)
    ]
    if silent:
        tried = "values around 0" if samples.given is None else "the values of the given rows"
        told.append(
            f"features of which the model tells neither thresholds nor categories ({tried} were"
            f" tried): {_shorten(silent)}"
        )
    encoded = [names[index] for index in sorted(known) if known[index].categories]
    if encoded:
        told.append(
            "numbers and words beside the known categories and one unknown, which the original"
            f" may refuse: {_shorten(encoded)}"
        )
    return told


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more

"""Convert a model to ONNX, and refuse to where it would not answer as the original does."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_serving_cli.conversion.original import ConversionError, find_framework, read_original
from lambda_serving_cli.files.content import write_atomically

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-4
"""Largest difference of a probability; relative to it for a number above 1."""


@dataclass(frozen=True)
class Conversion:
    """What was made, and how it compares.

    `inputs` and `outputs` are {"name", "type", "shape"} as the onnx engine describes them;
    `answer` names the output that the framework's own engine gives. `dropped` are outputs that
    the original has nothing to compare with. Of the `rows` compared, which are those of the sample
    where there is one, and of the `made_up_rows` beside it, `uncovered` says what they do not show.
    """

    path: Path
    framework: str
    libraries: dict[str, str]
    features: list[str]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    answer: str | None
    largest_difference: float
    differences: dict[str, float]
    rows: int
    made_up_rows: int
    sample: str | None
    dropped: list[str]
    notes: list[str]
    uncovered: list[str]

    def describe(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"path": str(self.path)}


def convert(
    source: Path,
    framework: str,
    sample: Path | None,
    out: Path,
    tolerance: float = TOLERANCE,
) -> Conversion:
    """Convert the model in `source`, check it against the original and write it to `out`.

    Raises:
        ConversionError: a package is missing, the model or the sample cannot be read, the model
            cannot be converted, its answers differ by more than `tolerance`, or `out` cannot be
            written; it is not touched then.
    """
    known = find_framework(framework, source)
    with _quieten_libraries() as notes:
        # These need the packages just asked for.
        from lambda_serving_cli.conversion import candidates
        from lambda_serving_cli.conversion.uncovered import list_uncovered

        original = read_original(known, source, notes)
        candidate = candidates.find_candidate(
            original, candidates.read_feeds(original, sample), tolerance
        )
        dropped = [name for name in candidate.answers if name not in candidate.by_output]
        candidate = candidates.optimise_candidate(original, candidate, tolerance)
        notes += candidates.try_missing_values(original, candidate, tolerance)
        uncovered = list_uncovered(original, candidate)
    features = original.features
    conversion = Conversion(
        path=out,
        framework=framework,
        libraries=_list_libraries((*original.packages, "onnxruntime")),
        features=list(features.names) if features else [],
        inputs=candidate.tensors["inputs"],
        outputs=candidate.tensors["outputs"],
        answer=original.answer_name if original.answer_name in candidate.answers else None,
        largest_difference=candidate.worst.value,
        differences=candidate.by_output,
        rows=candidate.samples.rows,
        made_up_rows=candidates.count_rows(candidate.samples.made_up),
        sample=str(sample) if sample else None,
        dropped=dropped,
        notes=notes,
        uncovered=uncovered,
    )
    _write(conversion, candidate.model, source, tolerance)
    return conversion


def _list_libraries(packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of those that are installed."""
    libraries = {}
    for package in dict.fromkeys(packages):
        with contextlib.suppress(PackageNotFoundError):
            libraries[package] = version(package)
    return libraries


@contextlib.contextmanager
def _quieten_libraries() -> Iterator[list[str]]:
    """No warnings and no chatter: stdout may be read by a program. Gives a list for notes."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield []


def _write(conversion: Conversion, model: onnx.ModelProto, source: Path, tolerance: float) -> None:
    """With the metadata that tell where the model comes from. Never half a file."""
    from lambda_serving_cli.conversion.graph import write_metadata

    write_metadata(
        model,
        {
            "framework": conversion.framework,
            "libraries": json.dumps(conversion.libraries),
            "features": json.dumps(conversion.features),
            "source": source.name,
            "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "largest_difference": f"{conversion.largest_difference:.3g}",
            "tolerance": f"{tolerance:g}",
            "rows_compared": str(conversion.rows),
            "rows_made_up": str(conversion.made_up_rows),
        },
    )
    try:
        write_atomically(conversion.path, model.SerializeToString(deterministic=True))
    except OSError as error:
        raise ConversionError(f"{conversion.path} cannot be written: {error.strerror}") from error

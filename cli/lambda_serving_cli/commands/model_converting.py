"""`lambda-serving model upload --to-onnx`: what is uploaded is the model as ONNX."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.conversion.conversion import TOLERANCE, Conversion, convert
from lambda_serving_cli.conversion.report import describe_conversion
from lambda_serving_cli.registry.frameworks import Recognition
from lambda_serving_cli.terminal.output import remark

ToOnnx = Annotated[
    bool,
    typer.Option("--to-onnx", help="Convert it, check it against the original, and upload that."),
]
Rows = Annotated[
    Path | None,
    typer.Option(
        help="With --to-onnx: rows to compare on (.json, .csv or .npy).",
        show_default="made up from the model",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="With --to-onnx: largest difference; relative for numbers above 1.",
        show_default=f"{TOLERANCE:g}",
    ),
]


@contextmanager
def convert_for_upload(
    place: Path, found: Recognition, rows: Path | None, tolerance: float | None
) -> Iterator[tuple[Path, Recognition, Conversion]]:
    """The converted file, in a folder of its own that is there inside this context.

    Raises:
        StepError: it cannot be converted, or answers otherwise than the original.
    """
    with tempfile.TemporaryDirectory(prefix="lambda-serving-") as folder:
        out = Path(folder, f"{place.stem}.onnx")
        remark(f"converting {place.name} to ONNX")
        limit = TOLERANCE if tolerance is None else tolerance
        conversion = convert(place, found.framework, rows, out, limit)
        for line in describe_conversion(conversion):
            remark(line)
        libraries = {**conversion.libraries, **found.libraries}
        yield out, Recognition("onnx", libraries), conversion

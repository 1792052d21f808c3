"""A conversion in words."""

from collections.abc import Iterator
from typing import Any

from lambda_serving_cli.conversion.conversion import Conversion


def describe_conversion(conversion: Conversion) -> Iterator[str]:
    """Lines for a person: how it compares, what it takes and gives, and how to serve it."""
    source = "made up from the model"
    if conversion.sample:
        source = f"of {conversion.sample}"
        if conversion.made_up_rows:
            source += f", and on {conversion.made_up_rows} made up from the model"
    yield (
        f"Converted to ONNX: largest difference {conversion.largest_difference:.2g}"
        f" on {conversion.rows} rows {source}"
    )
    for tensor in conversion.inputs:
        yield f"  takes {_format_tensor(tensor)}"
    if conversion.features and len(conversion.inputs) == 1:
        yield f"        of {', '.join(conversion.features)}"
    for tensor in conversion.outputs:
        yield f"  gives {_format_tensor(tensor)}"
    for name in conversion.dropped:
        yield f"  left out: {name}, which the original has nothing to compare with"
    for words in conversion.uncovered:
        yield f"  not covered: {words}"
    for note in conversion.notes:
        yield f"  note: {note}"
    if len(conversion.outputs) > 1 and conversion.answer:
        yield (
            "  for that output alone which the framework's own engine gives, endpoint.toml has:"
            f' output.name = ["{conversion.answer}"]'
        )


def _format_tensor(tensor: dict[str, Any]) -> str:
    return f"{tensor['name']}: {tensor['type']}{tensor['shape']}"

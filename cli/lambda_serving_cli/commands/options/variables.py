"""The options `--variable-…` of `metrics add`, as tables of endpoint.toml."""

import math
from collections.abc import Sequence
from typing import Any

import typer

from lambda_serving_cli.project.metrics import Variables


def read_variables(
    scalars: Sequence[str], enums: Sequence[str], values: Sequence[str], counters: Sequence[str]
) -> Variables:
    """The options as tables of `[metrics.variables]`.

    Raises:
        typer.BadParameter: an option is not of its form, or a name is given twice.
    """
    found = [_read_scalar(text) for text in scalars]
    found += [_read_enum(text) for text in enums]
    found += [(_check_name(name, name), {"type": "value"}) for name in values]
    found += [(_check_name(name, name), {"type": "counter"}) for name in counters]
    names = [name for name, _ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise typer.BadParameter(f"given twice: {', '.join(twice)}")
    return dict(found)


def _read_scalar(text: str) -> tuple[str, dict[str, Any]]:
    name, equals, buckets = text.partition("=")
    variable: dict[str, Any] = {"type": "scalar"}
    if equals:
        try:
            variable["buckets"] = _read_buckets(buckets)
        except ValueError as error:
            raise typer.BadParameter(
                f"{text!r}: {error}; expected x0=0,0.1,1 or x1=min/max/number",
                param_hint="--variable-scalar",
            ) from error
    return _check_name(name, text), variable


def _read_buckets(text: str) -> list[float]:
    """`0,0.1,1` as it is, and `0.0/1.0/5` as the six edges of five buckets of one width."""
    if "/" not in text:
        edges = [_read_number(part) for part in text.split(",")]
    else:
        low, high, count = (_read_number(part) for part in text.split("/"))
        if count != int(count) or not 1 <= count <= 100:
            raise ValueError(f"the number of buckets is 1 to 100, got {count}")
        number = int(count)
        # Rounded: 3 * 0.2 is 0.6000000000000001, and nobody wrote that.
        edges = [float(f"{low + (high - low) * i / number:.12g}") for i in range(number + 1)]
    if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
        raise ValueError("the edges of buckets ascend")
    return edges


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is no number")
    return int(number) if text.strip().lstrip("+-").isdecimal() else number


def _read_enum(text: str) -> tuple[str, dict[str, Any]]:
    name, _, values = text.partition("=")
    texts = [value.strip() for value in values.split(",")]
    if not all(texts):
        raise typer.BadParameter(f"{text!r}: expected animal=cat,dog", param_hint="--variable-enum")
    return _check_name(name, text), {"type": "enum", "values": texts}


def _check_name(name: str, option: str) -> str:
    if not name.strip() or "=" in name:
        raise typer.BadParameter(f"{option!r}: expected a variable's name")
    return name.strip()

"""`[metrics]` of an endpoint.toml, edited variable by variable."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.creation import Outcome, finish, plan_update
from lambda_serving_cli.project.edits import edits_project
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.toml_file import open_file
from lambda_serving_cli.terminal.steps import StepError

Variables = dict[str, dict[str, Any]]


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


@edits_project
def add_variables(
    project: Project, endpoint: str, variables: Variables, log_frequency: float | None
) -> Outcome:
    """Add or replace variables of an endpoint, and set its sampling where that is given.

    Raises:
        StepError: there is no such endpoint, or the runtime refuses what comes of it.
    """
    file = open_file(project.require(endpoint))
    metrics = file.get("metrics", {})
    replaced = [name for name in variables if name in metrics.get("variables", {})]
    merged = dict(metrics)
    if log_frequency is not None:
        merged["log_frequency"] = log_frequency
    if variables:
        merged["variables"] = {**metrics.get("variables", {}), **variables}
    file.set("metrics", merged)
    changes = Changes()
    plan_update(project, changes, file)
    notes = [f"{name} was there, and is replaced" for name in replaced]
    return finish(project, changes, endpoint, notes, metrics=file.get("metrics"))


@edits_project
def remove_variables(project: Project, endpoint: str, names: Sequence[str]) -> Outcome:
    """Take variables of an endpoint away; without names the whole of `[metrics]`.

    Raises:
        StepError: there is no such endpoint, or no such variable.
    """
    file = open_file(project.require(endpoint))
    metrics = file.get("metrics")
    if metrics is None:
        raise StepError(f"{endpoint} has no metrics of its own")
    known = metrics.get("variables", {})
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StepError(
            f"{endpoint} has no variable {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    left = {name: variable for name, variable in known.items() if name not in names}
    rest = {key: value for key, value in metrics.items() if key != "variables"}
    if names and (left or rest):
        file.set("metrics", {**rest, **({"variables": left} if left else {})})
    else:
        file.remove("metrics")
    changes = Changes()
    plan_update(project, changes, file)
    return finish(project, changes, endpoint, [], metrics=file.get("metrics", {}))


def list_metrics(project: Project, endpoint: str | None) -> dict[str, dict[str, Any]]:
    """Endpoint -> its `[metrics]`, of one or of all endpoints; empty where it has none.

    Raises:
        StepError: there is no such endpoint, or an endpoint.toml is no TOML.
    """
    names = [endpoint] if endpoint else project.list_endpoints()
    return {name: open_file(project.require(name)).get("metrics", {}) for name in names}


def describe_variable(variable: Mapping[str, Any]) -> str:
    """Buckets or values of a variable, in one line."""
    parts = variable.get("buckets") or variable.get("values") or []
    return ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)

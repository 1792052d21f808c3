"""CloudWatch's embedded metric format (EMF): one request's metrics as records within its limits.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format". A record holds each
name once. So several classes of one variable need a record each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import batched
from typing import Any

MOST = 100
"""Maximum number of metrics in a record, and of values of a metric."""

MOST_CHARACTERS = 250
"""Maximum length of a dimension's value, as chosen here."""

OVER_ALL_VERSIONS = ("Count", "Latency", "Errors", "Faults")
"""Metrics that exist by endpoint too, since percentiles of versions cannot be added up."""

Metrics = dict[str, tuple[str, list[float]]]
"""Name -> unit and values."""

Classes = dict[str, dict[str, float]]
"""Variable -> class -> count."""


def make_directive(
    namespace: str, dimensions: list[list[str]], metrics: Mapping[str, str]
) -> dict[str, Any]:
    """A metric directive; ``metrics`` maps names to units."""
    named = [{"Name": name, "Unit": unit} for name, unit in metrics.items()]
    return {"Namespace": namespace, "Dimensions": dimensions, "Metrics": named}


def fit_dimension(text: str) -> str:
    """A valid value of a dimension: printable ASCII without a leading blank or colon."""
    if not (text.isascii() and text.isprintable()):
        text = ascii(text)[1:-1]
    return text.lstrip(" :")[:MOST_CHARACTERS] or "-"


def make_record(directives: list[dict[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the current time."""
    head = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": directives}
    return {"_aws": head, **values}


def make_records(
    namespace: str,
    own: Mapping[str, str],
    metrics: Metrics,
    classes: Classes,
    error: tuple[str, int] | None,
    request: Mapping[str, Any],
    properties: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """The records of one request: one, and further ones if a limit is exceeded.

    ``own`` has the dimensions Endpoint and Version, ``error`` the class and status of an error.
    Properties of the ``request`` are in each record, further ``properties`` only in the first.
    """
    first, rest = split_metrics(metrics)
    labels, further = split_classes(classes, metrics)
    units = tuple([(name, metrics[name][0]) for name in first])
    directives = list_directives(namespace, tuple(own), units, tuple(labels), error is not None)
    errors: dict[str, Any] = {}
    if error is not None:
        errors = {"ErrorType": fit_dimension(error[0]), "ErrorStatus": error[1]}
    yield make_record(directives, {**properties, **request, **own, **labels, **errors, **first})
    for part in rest:
        units = tuple([(name, metrics[name][0]) for name in part])
        directive = make_directive(namespace, [list(own)], dict(units))
        yield make_record([directive], {**request, **own, **part})
    for variable, label, count in further:
        directive = make_directive(namespace, [[*own, variable]], {"Count": "Count"})
        yield make_record([directive], {**request, **own, variable: label, "Count": count})


@lru_cache(maxsize=256)
def list_directives(
    namespace: str,
    own: tuple[str, ...],
    units: tuple[tuple[str, str], ...],
    labels: tuple[str, ...],
    has_error: bool,
) -> list[dict[str, Any]]:
    """The metric directives of a request's first record, the same for most requests.

    ``units`` has its metrics, ``labels`` the variables that are dimensions.
    """
    directives = [make_directive(namespace, [list(own)], dict(units))]
    shared = {name: unit for name, unit in units if name in OVER_ALL_VERSIONS}
    if shared:
        directives.append(make_directive(namespace, [["Endpoint"]], shared))
    if labels:
        sets = [[*own, variable] for variable in labels]
        directives.append(make_directive(namespace, sets, {"Count": "Count"}))
    if has_error:
        directives.append(make_directive(namespace, [[*own, "ErrorType"]], {"Errors": "Count"}))
    return directives


def split_metrics(metrics: Metrics) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Split metrics by EMF's limits: the values of the first record, and of further ones."""
    rounds: list[dict[str, Any]] = [{}]
    for name, (_, values) in metrics.items():
        if len(values) == 1:
            rounds[0][name] = values[0]
            continue
        for number, part in enumerate(batched(values, MOST, strict=False)):
            if number == len(rounds):
                rounds.append({})
            rounds[number][name] = list(part)
    if len(metrics) <= MOST:
        return rounds[0], rounds[1:]
    parts = [dict(part) for each in rounds for part in batched(each.items(), MOST, strict=False)]
    return parts[0], parts[1:]


def split_classes(
    classes: Classes, metrics: Metrics
) -> tuple[dict[str, str], list[tuple[str, str, float]]]:
    """Split class counts: those equal to the record's own Count, and those that need a record."""
    own = metrics["Count"][1][0] if "Count" in metrics else None
    labels: dict[str, str] = {}
    further: list[tuple[str, str, float]] = []
    for variable, counts in classes.items():
        for label, count in counts.items():
            if count == own and variable not in labels:
                labels[variable] = label
            else:
                further.append((variable, label, count))
    return labels, further

"""Samples that a user gives: rows of a model's features, or tensors.

.json: {"feature": value, ...} or a list of such, or a list of numbers or of lists of numbers.
.csv: with the features' names in its first line, or without; other columns are left out.
.npy: a row, or rows; for tensors any array. .npz: tensors by the names of the inputs.
"""

import csv
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lambda_serving_cli.conversion.original import INPUT, Array, Arrays, ConversionError, Features
from lambda_serving_cli.files.content import require_regular

Row = Mapping[str, Any] | Sequence[Any]


def read_sample(path: Path, features: Features) -> Arrays:
    """Rows of `features`: float64 [rows, features], or by column each [rows, 1]."""
    data = _read_file(path, {".json": _read_json, ".csv": _read_csv, ".npy": np.load})
    rows = [_pick_values(row, features, place) for place, row in _number_rows(path, data)]
    if not rows:
        raise ConversionError(f"{path.name} holds no row")
    if not features.by_column:
        return {INPUT: _make_numbers(rows, path)}
    return {
        name: _make_column(column, name, path)[:, None]
        for name, *column in zip(features.names, *rows, strict=True)
    }


def read_tensors(path: Path, inputs: Sequence[str]) -> Arrays:
    """An array for each input. Numbers with a fraction are float32, whole ones int64."""
    data = _read_file(path, {".json": _read_json, ".npy": np.load, ".npz": _read_npz})
    arrays = data if isinstance(data, Mapping) else {name: data for name in inputs[:1]}
    if set(arrays) != set(inputs):
        raise ConversionError(
            f"{path.name}: expected the inputs {list(inputs)}, got {list(arrays)}"
        )
    try:
        tensors = {name: np.asarray(arrays[name]) for name in inputs}
    except ValueError as error:
        raise ConversionError(f"{path.name}: rows of unequal length") from error
    for name, tensor in tensors.items():
        if tensor.dtype.kind not in "biuf":
            raise ConversionError(f"{path.name}: the input {name!r} holds what is no number")
    return {
        name: tensor.astype(np.float32) if tensor.dtype == np.float64 else tensor
        for name, tensor in tensors.items()
    }


def _read_file(path: Path, readers: Mapping[str, Any]) -> Any:
    if path.suffix not in readers:
        raise ConversionError(f"a sample is a file {', '.join(readers)}; got {path.name}")
    try:
        require_regular(path)
        return readers[path.suffix](path)
    except (OSError, ValueError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        why = getattr(error, "strerror", None) or error
        raise ConversionError(f"the sample {path} cannot be read: {why}") from error


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def _read_npz(path: Path) -> dict[str, Array]:
    with np.load(path) as arrays:
        return dict(arrays)


def _read_csv(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        lines = [[_parse_cell(cell) for cell in line] for line in csv.reader(file) if line]
    if lines and all(isinstance(cell, str) for cell in lines[0]):
        names = lines[0]
        return [dict(zip(names, line, strict=True)) for line in lines[1:]]
    return list(lines)


def _parse_cell(cell: str) -> Any:
    if not cell.strip():
        return None
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def _number_rows(path: Path, data: Any) -> list[tuple[str, Row]]:
    """Each row with the words for where it stands; a single row is one of its own."""
    if isinstance(data, np.ndarray):
        data = data.tolist() if data.ndim == 2 else [data.tolist()]
    if isinstance(data, Mapping):
        data = [data]
    if not isinstance(data, list):
        raise ConversionError(f"{path.name}: expected rows, got {type(data).__name__}")
    if data and not isinstance(data[0], Mapping | list):
        data = [data]
    return [(f"{path.name}, row {number}", row) for number, row in enumerate(data, start=1)]


def _pick_values(row: Row, features: Features, place: str) -> list[Any]:
    """The values in the features' order; a model without names takes them as they come."""
    if isinstance(row, Mapping):
        missing = [name for name in features.names if name not in row]
        if missing:
            raise ConversionError(
                f"{place}: these features are missing: {', '.join(missing)}",
                advice=f"the model takes {features}",
            )
        row = [row[name] for name in features.names or row]
    if not isinstance(row, list) or len(row) != features.count:
        came = len(row) if isinstance(row, list) else type(row).__name__
        raise ConversionError(f"{place}: expected {features}, got {came}")
    return row


def _make_numbers(rows: list[list[Any]], path: Path) -> Array:
    for number, row in enumerate(rows, start=1):
        for value in row:
            if not _is_number(value):
                raise ConversionError(f"{path.name}, row {number}: {value!r:.60} is no number")
    return np.array(rows, dtype=np.float64)


def _make_column(column: list[Any], name: str, path: Path) -> Array:
    """float64, or strings as objects."""
    if all(_is_number(value) for value in column):
        return np.array(column, dtype=np.float64)
    others = [value for value in column if not isinstance(value, str)]
    if others:
        raise ConversionError(
            f"{path.name}: the column {name!r} holds strings, and {others[0]!r:.60}"
        )
    return np.array(column, dtype=object)


def _is_number(value: Any) -> bool:
    """None is a missing number."""
    return value is None or isinstance(value, int | float)

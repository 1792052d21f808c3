"""How answers are compared, and a conversion told."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lambda_serving_cli.conversion.comparison import compare_answers, compare_output
from lambda_serving_cli.conversion.conversion import Conversion
from lambda_serving_cli.conversion.report import describe_conversion

NAN = math.nan


@pytest.mark.parametrize(
    ("original", "converted", "difference"),
    [
        ([0.5, 0.25], [0.5, 0.5], 0.25),
        ([1000.0], [1001.0], 0.001),  # relative above 1
        ([-1000.0], [1000.0], 2.0),
        ([1.0, 2.0], [[1.0], [2.0]], 0.0),  # shapes that differ by a 1
        ([1, 2], [1.0, 2.0], 0.0),
        ([NAN, math.inf], [NAN, math.inf], 0.0),
        ([NAN], [0.0], math.inf),
        ([0.0], [NAN], math.inf),
        ([0.0], [math.inf], math.inf),
        ([1.0, 2.0], [1.0], math.inf),
        ([[0.1, 0.9]], [0.9], math.inf),
        ([], [], 0.0),
    ],
)
def test_numbers(original: object, converted: object, difference: float) -> None:
    found = compare_output("variable", np.array(original), np.array(converted))
    assert found.value == pytest.approx(difference)


@pytest.mark.parametrize(
    ("original", "converted", "detail"),
    [
        (["a", "b"], ["a", "b"], ""),
        ([1.0, 0.0], [1, 0], ""),
        ([True, False], [1, 0], ""),
        (["a", "b", "c"], [["a"], ["c"], ["b"]], "2 of 3 differ, the first in row 2: b by the"),
        ([1, 2], [1, 3], "1 of 2 differ, the first in row 2: 2 by the original, 3 converted"),
    ],
)
def test_labels(original: object, converted: object, detail: str) -> None:
    found = compare_output("label", np.array(original), np.array(converted, dtype=None))
    assert found.value == (math.inf if detail else 0)
    assert found.detail.startswith(detail)


def test_details() -> None:
    original, converted = np.array([[0.1, 0.9], [0.5, 0.5]]), np.array([[0.1, 0.9], [0.4, 0.6]])
    found = compare_output("probabilities", original, converted)
    assert found.detail == "the most in row 2: 0.5 by the original, 0.4 converted"
    shapes = compare_output("probabilities", original, original[:1])
    assert shapes.detail == "[2, 2] by the original, [1, 2] converted"


def test_only_what_both_have() -> None:
    one, both = {"a": np.zeros(1)}, {"a": np.zeros(1), "b": np.zeros(1)}
    assert [item.output for item in compare_answers(one, both)] == ["a"]
    assert [item.output for item in compare_answers(both, one)] == ["a"]


CONVERSION = Conversion(
    path=Path("m.onnx"),
    framework="sklearn",
    libraries={"scikit-learn": "1.9.1"},
    features=["a", "b"],
    inputs=[{"name": "input", "type": "float32", "shape": [-1, 2]}],
    outputs=[
        {"name": "label", "type": "int64", "shape": [-1]},
        {"name": "probabilities", "type": "float32", "shape": [-1, 3]},
    ],
    answer="label",
    largest_difference=1.234e-7,
    differences={"label": 0.0, "probabilities": 1.234e-7},
    rows=150,
    made_up_rows=1000,
    sample="rows.csv",
    dropped=["scores"],
    notes=["be careful"],
    uncovered=["b is below 3 in all rows"],
)


def test_words() -> None:
    assert list(describe_conversion(CONVERSION)) == [
        "Converted to ONNX: largest difference 1.2e-07 on 150 rows of rows.csv,"
        " and on 1000 made up from the model",
        "  takes input: float32[-1, 2]",
        "        of a, b",
        "  gives label: int64[-1]",
        "  gives probabilities: float32[-1, 3]",
        "  left out: scores, which the original has nothing to compare with",
        "  not covered: b is below 3 in all rows",
        "  note: be careful",
        "  for that output alone which the framework's own engine gives, endpoint.toml has:"
        ' output.name = ["label"]',
    ]
    lines = list(describe_conversion(replace(CONVERSION, answer=None, sample=None, features=[])))
    assert lines[0].endswith("150 rows made up from the model")
    assert lines[-1] == "  note: be careful"

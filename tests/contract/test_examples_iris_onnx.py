"""functions/iris_onnx against scikit-learn itself, and what it refuses."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.datasets import load_iris

from examples.iris import train_pipeline
from tests.conftest import Handler
from tests.contract.conftest import Serve
from tests.events import load_event

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
FLOWER = dict(zip(MEASURES, (5.1, 3.5, 1.4, 0.2), strict=True))


@pytest.fixture
def iris(endpoint: Callable[[str], Serve]) -> Serve:
    return endpoint("iris_onnx")


def test_all_flowers_as_scikit_learn_has_them(iris: Serve) -> None:
    dataset = load_iris()
    expected = train_pipeline().predict_proba(dataset.data)
    names = [str(name) for name in dataset.target_names]
    assert len(dataset.data) == 150
    for measures, probabilities in zip(dataset.data, expected, strict=True):
        result = iris(dict(zip(MEASURES, measures.tolist(), strict=True)))
        assert list(result) == ["species", "probabilities"]
        assert result["probabilities"] == pytest.approx(
            dict(zip(names, probabilities.tolist(), strict=True)), abs=1e-4
        )
        assert result["species"] == names[probabilities.argmax()]


def test_order_of_keys_and_further_keys_do_not_matter(iris: Serve) -> None:
    shuffled = dict(reversed(FLOWER.items())) | {"garden": "north"}
    assert iris(shuffled) == iris(FLOWER)


def test_whole_numbers_are_numbers(iris: Serve) -> None:
    assert iris(dict(FLOWER, sepal_length=5)) == iris(dict(FLOWER, sepal_length=5.0))


@pytest.mark.parametrize(
    "value",
    ["5.1", "wide", None, True, [0.2], {"cm": 0.2}, float("nan"), float("inf"), 1e39, 10**400, -1],
    ids=lambda value: f"{value!r:.12}",
)
def test_refuses_what_is_no_length(iris: Serve, value: Any) -> None:
    error = read_error(iris, dict(FLOWER, petal_width=value))
    assert (error["status"], error["type"], error["stage"]) == (422, "ValueError", "preprocess")
    assert error["detail"].startswith("petal_width: expected a number of centimetres")
    assert f"got {value!r:.40}" in error["detail"]


@pytest.mark.parametrize("missing", [MEASURES[:1], MEASURES[1:3], MEASURES])
def test_names_what_is_missing(iris: Serve, missing: tuple[str, ...]) -> None:
    body = {name: value for name, value in FLOWER.items() if name not in missing}
    error = read_error(iris, body)
    assert error["status"] == 422
    assert all(name in error["detail"] for name in MEASURES)
    assert error["detail"].endswith(f"missing: {', '.join(missing)}")


def test_refuses_bytes(iris: Serve) -> None:
    error = read_error(iris, b"5.1,3.5,1.4,0.2")
    assert (error["status"], error["type"]) == (422, "ValueError")
    assert error["detail"].startswith("expected a JSON object")


def read_error(serve: Serve, body: dict[str, Any] | bytes) -> dict[str, Any]:
    """What a direct invoke raises, as the caller reads it."""
    with pytest.raises(Exception) as caught:  # noqa: B017  (a class of its own for each error)
        serve(body)
    described: dict[str, Any] = json.loads(str(caught.value))
    return described


def test_event_files(start_endpoint: Callable[[str], Handler]) -> None:
    handler = start_endpoint("iris_onnx")
    direct = handler(load_event("invoke_iris_onnx"))
    answer = handler(load_event("http_iris_onnx"))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == direct
    assert direct["species"] == "virginica"

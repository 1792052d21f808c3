"""functions/iris_ensemble, its twin with threads and iris_canary, over the four real models."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.conftest import Handler
from tests.contract.conftest import PROJECT
from tests.contract.test_iris_examples import FLOWERS, SPECIES, read_error
from tests.events import load_event
from tests.servers.lambda_faults import Fault, access_denied, not_found, service_error
from tests.servers.lambda_service import LambdaService

ENSEMBLES = ["iris_ensemble", "iris_ensemble_threads"]
MODELS = ["iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm"]
STACK = "test"

Start = Callable[[str], Handler]


@pytest.fixture
def service() -> Iterator[LambdaService]:
    with LambdaService() as service:
        yield service
        assert service.defects == []


@pytest.fixture
def start(
    example_models: Path,
    start_handler: Callable[..., Handler],
    tmp_path: Path,
    service: LambdaService,
) -> Start:
    """start(endpoint) -> handler(event); what it calls is the service's."""

    def start_one(name: str) -> Handler:
        folder = copytree(PROJECT / "functions" / name, tmp_path / name)
        variables = {
            "SERVING_MODEL_BUCKET": f"file://{example_models}",
            "SERVING_STACK": STACK,
            "SERVING_ALIAS": "live",
        }
        return start_handler(folder, **service.environment | variables)

    return start_one


@pytest.fixture
def deployed(service: LambdaService, start: Start) -> dict[str, Handler]:
    """The four models, deployed: model -> handler(event)."""
    handlers = {model: start(model) for model in MODELS}
    service.functions |= {f"{STACK}-{model}": handler for model, handler in handlers.items()}
    return handlers


def average(answers: list[dict[str, Any]]) -> dict[str, float]:
    """The mean of each species's probabilities."""
    return {
        name: sum(answer["probabilities"][name] for answer in answers) / len(answers)
        for name in SPECIES
    }


@pytest.mark.parametrize("name", ENSEMBLES)
def test_mean_of_the_models(start: Start, deployed: dict[str, Handler], name: str) -> None:
    handler = start(name)
    for flower in FLOWERS[::10]:
        result = handler(flower)
        mean = average([model(flower) for model in deployed.values()])
        assert result["probabilities"] == pytest.approx(mean)
        assert result["species"] == max(mean, key=lambda species: mean[species])
        assert (result["asked"], result["left_out"]) == (MODELS, [])


@pytest.mark.parametrize("name", ENSEMBLES)
def test_asks_all_at_the_same_time(
    start: Start, deployed: dict[str, Handler], service: LambdaService, name: str
) -> None:
    service.faults |= {f"{STACK}-{model}": Fault(delay=0.2) for model in MODELS}
    start(name)(FLOWERS[0])
    assert service.most_at_once == len(MODELS)
    assert {(invoke.function, invoke.qualifier) for invoke in service.invokes} == {
        (f"{STACK}-{model}", "live") for model in MODELS
    }


@pytest.mark.parametrize("fault", [not_found, access_denied, service_error])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_one_is_down(
    start: Start,
    deployed: dict[str, Handler],
    service: LambdaService,
    caplog: pytest.LogCaptureFixture,
    name: str,
    fault: Callable[[], Fault],
) -> None:
    service.faults[f"{STACK}-iris_sklearn"] = fault()
    result = start(name)(FLOWERS[0])
    answers = [model(FLOWERS[0]) for key, model in deployed.items() if key != "iris_sklearn"]
    assert result["probabilities"] == pytest.approx(average(answers))
    assert (result["asked"], result["left_out"]) == (MODELS, ["iris_sklearn"])
    assert "send_request to iris_sklearn failed" in caplog.text


@pytest.mark.parametrize("name", ENSEMBLES)
def test_all_are_down(start: Start, service: LambdaService, name: str) -> None:
    handler = start(name)
    error = read_error(handler, FLOWERS[0])
    assert (error["status"], error["type"]) == (503, "NoAnswer")
    assert all(model in error["detail"] for model in MODELS)
    assert handler(load_event(f"http_{name}"))["statusCode"] == 503


@pytest.mark.parametrize("name", ENSEMBLES)
@pytest.mark.parametrize(
    "body",
    [{}, FLOWERS[0] | {"petal_width": "wide"}, FLOWERS[0] | {"petal_width": -1}],
    ids=["empty", "text", "negative"],
)
def test_refuses_what_the_models_refuse(
    start: Start, service: LambdaService, name: str, body: dict[str, Any]
) -> None:
    error = read_error(start(name), body)
    assert error["status"] == 422
    assert error == read_error(start("iris_onnx"), body)
    assert service.invokes == []


@pytest.mark.parametrize("name", [*ENSEMBLES, "iris_canary"])
def test_event_files(start: Start, deployed: dict[str, Handler], name: str) -> None:
    handler = start(name)
    direct = handler(load_event(f"invoke_{name}"))
    answer = handler(load_event(f"http_{name}"))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["species"] == direct["species"] == "virginica"


def test_canary_answers_as_its_target(start: Start, deployed: dict[str, Handler]) -> None:
    handler = start("iris_canary")
    expected = {}
    for model in ("iris_onnx", "iris_sklearn"):
        expected[model] = deployed[model](load_event(f"http_{model}"))["body"]
    asked: set[str] = set()
    for _ in range(300):  # the odds that none of these goes to one that has a tenth are 2e-14
        answer = handler(load_event("http_iris_canary"))
        target = answer["headers"]["x-serving-target"]
        assert answer["body"] == expected[target]
        asked.add(target)
    assert asked == expected.keys()

"""ClearML Serving's pipeline examples: endpoints that ask two others, by threads and by asyncio."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.clearml_examples import (
    PIPELINE,
    PIPELINE_ASYNC,
    POINTS,
    TWO_FEATURES,
    train_ensemble,
    train_sklearn,
)
from tests.servers.dev_server import DevServer, write_endpoint

CALLS = 'calls = ["test_model_sklearn_a", "test_model_sklearn_b"]'


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    train_sklearn(folder / "a.pkl")
    train_ensemble(folder / "b.pkl")
    return folder


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """The endpoints of the examples' READMEs."""
    functions = tmp_path_factory.mktemp("functions")
    for name in "ab":
        toml = f'engine = "sklearn"\nmodel = "{name}.pkl"\nallow_pickle = true'
        write_endpoint(functions, f"test_model_sklearn_{name}", toml, TWO_FEATURES)
    write_endpoint(functions, "test_pipeline", f'engine = "custom"\n{CALLS}', PIPELINE)
    write_endpoint(
        functions, "test_pipeline_async", f'engine = "custom_async"\n{CALLS}', PIPELINE_ASYNC
    )
    with DevServer(functions, models, functions / "log.txt", is_quick=True) as server:
        yield server


@pytest.mark.parametrize("pipeline", ["test_pipeline", "test_pipeline_async"])
def test_the_mean_of_two_endpoints(server: DevServer, pipeline: str) -> None:
    answers = []
    for body in POINTS:
        a, b = (server.ask(f"test_model_sklearn_{name}", body)["y"][0] for name in "ab")
        answers.append(server.ask(pipeline, body))
        assert answers[-1] == {"y": pytest.approx(0.5 * a + 0.5 * b)}
    assert len({str(answer) for answer in answers}) > 1


@pytest.mark.parametrize("pipeline", ["test_pipeline", "test_pipeline_async"])
def test_an_endpoint_that_refuses(server: DevServer, pipeline: str) -> None:
    """The pipeline's own ValueError goes out, as it is."""
    answer = server.post(pipeline, {"x0": "no number", "x1": 1})
    assert (answer.status_code, answer.json()["type"]) == (422, "ValueError")
    assert answer.json()["detail"].startswith("Error requesting inference endpoint")

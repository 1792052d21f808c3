"""A user of ClearML Serving brings preprocess.py and the model file, and writes some TOML."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler
from tests.contract.clearml_examples import CUSTOM_WITH_OLD_NUMPY, EXAMPLES, Example, train_custom
from tests.events import load_event

TOML = """\
endpoint = "{endpoint}"
engine   = "{engine}"
model    = "{model}"
allow_pickle = true
"""


@pytest.fixture(params=EXAMPLES)
def endpoint(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def example(endpoint: str) -> Example:
    return EXAMPLES[endpoint]


@pytest.fixture
def answers(example: Example, models: Path) -> list[Any]:
    """What the class says when called by hand, with the library where ClearML calls it."""
    file = models / example.model
    model = example.train(file)
    code: dict[str, Any] = {}
    exec(example.code, code)  # the user's file, outside of any server
    user = code["Preprocess"]()
    if hasattr(user, "load"):
        user.load(str(file))
    results = []
    for body in example.bodies:
        state: dict[str, Any] = {}
        data = user.preprocess(body, state, None)
        data = user.process(data, state, None) if hasattr(user, "process") else model.predict(data)
        results.append(json.loads(json.dumps(user.postprocess(data, state, None))))
    return results


@pytest.fixture
def handler(
    endpoint: str,
    example: Example,
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
) -> Handler:
    toml = TOML.format(endpoint=endpoint, engine=example.engine, model=example.model)
    assert len(toml.splitlines()) <= 6
    return start_handler(make_folder(toml, example.code))


def test_same_answer_by_direct_invoke(
    example: Example, answers: list[Any], handler: Handler
) -> None:
    assert [handler(body) for body in example.bodies] == answers


def test_same_answer_by_http(
    endpoint: str, example: Example, answers: list[Any], handler: Handler
) -> None:
    got = []
    for body in example.bodies:
        event = load_event("http_post_json") | {
            "rawPath": f"/serve/{endpoint}",
            "body": json.dumps(body),
        }
        event["requestContext"]["http"]["path"] = event["rawPath"]
        event["headers"].pop("content-length", None)
        answer = handler(event)
        assert answer["statusCode"] == 200, answer
        got.append(json.loads(answer["body"]))
    assert got == answers


def test_what_numpy_took_from_the_custom_example(
    models: Path, make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    """docs/clearml.md tells what to write instead."""
    train_custom(models / "custom-model.pkl")
    toml = TOML.format(endpoint="old", engine="custom", model="custom-model.pkl")
    handler = start_handler(make_folder(toml, CUSTOM_WITH_OLD_NUMPY))
    with pytest.raises(Exception, match="AttributeError in preprocess") as raised:
        handler({"features": [1, 2, 3]})
    assert type(raised.value).__name__ == "AttributeError"


def test_answers_tell_the_bodies_apart(answers: list[Any]) -> None:
    """Else the same answer would prove little."""
    assert len({json.dumps(answer) for answer in answers}) > 1

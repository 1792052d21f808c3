"""Real events with a few fields gone, changed or added: every answer is one of the table."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_serving.events import http
from tests.conftest import Handler
from tests.events import EVENTS, load_event

EVENTS_OF_A_SEED = 200
TOML = (
    'endpoint = "iris_onnx"\nengine = "custom"\n[version.2]\n'
    '[traffic]\nweights = { "1" = 0.5, "2" = 0.5 }\nsticky = "body:sepal_length"\n'
    '[metrics.variables.sepal_length]\ntype = "scalar"\n'
)
CODE = """
class Preprocess:
    def process(self, data, state, collect):
        if isinstance(data, dict):
            collect(dict.fromkeys(data, 1) | {"own": data.get("sepal_width")})
        return data
"""
NAMES = [path.stem for path in sorted(EVENTS.glob("*.json")) if "over_limit" not in path.stem]
VALUES = (
    None, True, False, 0, -1, 1.5, 10**30, float("nan"), "", "x", "\0", "é", "\ud800", "x" * 5000,
    "a\r\nb: c", "a:b:c", "[::1]:80", "%ff%00", "2.0", "POST", "gzip", "application/json", b"xy",
    "/serve/iris_onnx", "/serve/iris_onnx/\ud800", [], [1], [None], [[]], ["\ud800"], {}, {"a": 1},
    {"\ud800": "\ud800"}, {"a": {"b": None}},
)  # fmt: skip
KEYS = (
    "host", "X-Forwarded-Port", "content-type", "Content-Encoding", "cookies", "multiValueHeaders",
    "resource", "httpMethod", "elb", "http", "body", "version", "depth", "protocol", "\ud800",
)  # fmt: skip
REFUSALS = {
    "MalformedEventError", "MalformedBodyError", "InputError", "UnknownVersionError",
    "UnknownEndpointError", "UnknownPathError", "MethodNotAllowedError", "UnsupportedEncodingError",
    "CallDepthError", "ResultError",
}  # fmt: skip


def list_places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from list_places(value[key])


def mutate(chance: random.Random, event: Any) -> Any:
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = list(list_places(event))
        if not places:
            break
        owner, key = chance.choice(places)
        kind = chance.random()
        if kind < 0.25:
            del owner[key]
        elif kind < 0.35 and isinstance(owner, dict):
            owner[chance.choice(KEYS)] = copy.deepcopy(chance.choice(VALUES))
        else:
            owner[key] = copy.deepcopy(chance.choice(VALUES))
    return event


def check_http(answer: dict[str, Any], event: dict[str, Any]) -> None:
    json.dumps(answer, ensure_ascii=False).encode()
    assert 200 <= answer["statusCode"] < 500
    context = event["requestContext"]
    if "elb" in context:
        shape = {"multiValueHeaders" if "multiValueHeaders" in event else "headers"}
    else:
        shape = {"headers"} if "http" in context else {"headers", "multiValueHeaders"}
    assert {"headers", "multiValueHeaders"} & answer.keys() == shape
    for value in answer.get("headers", {}).values():
        assert isinstance(value, str) and value.isprintable()
    if answer["statusCode"] >= 400:
        assert json.loads(answer["body"])["type"] in REFUSALS


@pytest.mark.parametrize("seed", range(2))
def test_mutated_events(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], seed: int
) -> None:
    handler = start_handler(make_folder(TOML, CODE))
    chance = random.Random(seed)
    for number in range(EVENTS_OF_A_SEED):
        name = chance.choice(NAMES)
        event = mutate(chance, load_event(name))
        told = f"{number} of seed {seed}, {name}: {event!r:.2000}"
        if http.infer(event):
            try:
                check_http(handler(event), event)
            except Exception as error:
                raise AssertionError(told) from error
            continue
        try:
            json.dumps(handler(event))
        except Exception as error:  # noqa: BLE001  (any: it must be one of the table)
            assert type(error).__name__ in REFUSALS, told
            assert json.loads(str(error))["type"] == type(error).__name__, told

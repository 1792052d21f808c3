"""Which target a canary endpoint asks, and what it says where none answers."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_serving import canary as canary_module
from tests.conftest import Handler
from tests.events import load_event
from tests.functional.pipelines import STACK, make_context, serve_lambda
from tests.servers.lambda_faults import (
    Fault,
    access_denied,
    function_error,
    garbage,
    not_found,
    service_error,
    throttled,
    too_large,
)
from tests.servers.lambda_service import LambdaService

ALPHA = f"{STACK}-alpha"
BOTH = "weights = { alpha = 0.3, beta = 0.7 }"

CanaryMaker = Callable[..., Handler]


def answer_whole(payload: Any) -> dict[str, Any]:
    """What an endpoint answers to a caller that passes it on, or to one that asks its versions."""
    if payload["serving"].get("answer") == "metadata":
        return {"endpoint": "any", "versions": {"9": {}, "10": {}, "1": {}}}
    body = json.dumps({"version": payload["serving"].get("version")})
    envelope = {"protocol": 1, "status": 200, "content_type": "application/json", "headers": []}
    return {"serving": envelope, "body": body}


@pytest.fixture
def api() -> Iterator[LambdaService]:
    with serve_lambda(alpha=answer_whole, beta=answer_whole) as service:
        yield service


@pytest.fixture
def start_canary(
    tmp_path: Path, start_handler: Callable[..., Handler], api: LambdaService
) -> CanaryMaker:
    """Cold start of an endpoint ``canary`` with that ``[traffic]``."""

    def start(traffic: str, seconds: float = 20) -> Handler:
        toml = f'endpoint = "canary"\nengine = "canary"\n[traffic]\n{traffic}\n'
        (tmp_path / "endpoint.toml").write_text(toml)
        settings = {"SERVING_STACK": STACK, "SERVING_ALIAS": "live"} | api.environment
        return start_handler(tmp_path, make_context(seconds), **settings)

    return start


def post(headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    event = load_event("http_post_json") | {"rawPath": "/serve/canary", "body": json.dumps(body)}
    event["requestContext"]["http"]["path"] = "/serve/canary"
    return event | {"headers": event["headers"] | (headers or {})}


def find_target(answer: dict[str, Any]) -> str:
    assert answer["statusCode"] == 200
    target: str = answer["headers"]["x-serving-target"]
    return target


def test_shares(start_canary: CanaryMaker, api: LambdaService) -> None:
    """Each target is who the header says it was; the shares hold (4 sigma of 400 requests)."""
    canary = start_canary(BOTH)
    targets = Counter(find_target(canary(post())) for _ in range(400))
    assert {f"{STACK}-{name}": count for name, count in targets.items()} == api.runs
    assert abs(targets["alpha"] - 120) < 37


def test_nothing_for_a_share_of_zero(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary('weights = { alpha = 0, "beta/2" = 1 }')
    answers = [canary(post()) for _ in range(50)]
    assert {find_target(answer) for answer in answers} == {"beta/2"}
    assert json.loads(answers[0]["body"]) == {"version": "2"}
    assert api.runs == {f"{STACK}-beta": 50}


@pytest.mark.parametrize("sticky", ["header:X-User", "body:user"])
def test_sticky(start_canary: CanaryMaker, sticky: str) -> None:
    """The same user meets the same target, at another cold start too; other users, the other."""

    def ask(canary: Handler, user: str) -> str:
        in_header = sticky.startswith("header")
        event = post({"x-user": user}) if in_header else post(user=user)
        return find_target(canary(event))

    users = [f"user-{number}" for number in range(40)]
    canary = start_canary(f'{BOTH}\nsticky = "{sticky}"')
    first = {user: ask(canary, user) for user in users}
    assert set(first.values()) == {"alpha", "beta"}
    assert {user: ask(canary, user) for user in users} == first
    again = start_canary(f'{BOTH}\nsticky = "{sticky}"')
    assert {user: ask(again, user) for user in users} == first


def test_sticky_without_the_key_is_random(start_canary: CanaryMaker) -> None:
    canary = start_canary(f'{BOTH}\nsticky = "body:user"')
    assert {find_target(canary(post())) for _ in range(60)} == {"alpha", "beta"}


def test_sticky_by_direct_invoke(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary(f'{BOTH}\nsticky = "body:user"')
    for _ in range(10):
        canary({"user": "ann"})
    assert sorted(api.runs.values()) == [10]


def test_prefix_asks_for_versions_once(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary('prefix = "alpha"\nlatest = [0.2, 0.8]')
    targets = Counter(find_target(canary(post())) for _ in range(200))
    assert set(targets) == {"alpha/10", "alpha/9"}
    assert targets["alpha/10"] < targets["alpha/9"]
    asked = [call for call in api.invokes if call.envelope.get("answer") == "metadata"]
    assert len(asked) == 1
    assert {call.envelope.get("version") for call in api.invokes} == {None, "10", "9"}


def test_prefix_sees_new_versions(
    start_canary: CanaryMaker, api: LambdaService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary_module, "LOOK_SECONDS", 0)
    canary = start_canary('prefix = "alpha"\nlatest = [1]')
    assert find_target(canary(post())) == "alpha/10"
    api.functions[ALPHA] = lambda payload: answer_whole(payload) | {"versions": {"11": {}, "9": {}}}
    assert find_target(canary(post())) == "alpha/11"
    # Where they cannot be asked for any more, the last ones known stay.
    api.functions[ALPHA] = lambda payload: answer_whole(payload) | {"versions": None}
    assert find_target(canary(post())) == "alpha/11"


@pytest.mark.parametrize(
    ("versions", "latest", "target"),
    [({"1": {}}, [0.0, 1.0], "alpha/1"), ({"1": {}, "2": {}}, [0.0, 0.0, 1.0], "alpha/2")],
)
def test_prefix_with_fewer_versions_than_shares(
    start_canary: CanaryMaker,
    api: LambdaService,
    versions: dict[str, Any],
    latest: list[float],
    target: str,
) -> None:
    api.functions[ALPHA] = lambda payload: answer_whole(payload) | {"versions": versions}
    assert find_target(start_canary(f'prefix = "alpha"\nlatest = {latest}')(post())) == target


@pytest.mark.parametrize("versions", [{}, None, 3, [1]])
def test_prefix_without_versions(
    start_canary: CanaryMaker, api: LambdaService, versions: Any
) -> None:
    """A function that is no endpoint; once it is one, all is well."""
    api.functions[ALPHA] = lambda payload: {"versions": versions}
    canary = start_canary('prefix = "alpha"\nlatest = [1]')
    answer = canary(post())
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (502, "CalleeError")
    api.functions[ALPHA] = answer_whole
    assert find_target(canary(post())) == "alpha/10"


@pytest.mark.parametrize(
    ("fault", "status", "cause"),
    [
        (not_found(), 502, "NoSuchEndpoint"),
        (access_denied(), 502, "AccessDenied"),
        (service_error(), 502, "ServiceError"),
        (Fault(cuts_at_once=True), 502, "ConnectionLost"),
        (Fault(cut_after=5), 502, "ConnectionLost"),
        (too_large(), 413, "PayloadTooLarge"),
        (throttled(), 503, "Throttled"),
        (Fault(delay=2), 504, "Timeout"),
        (
            function_error({"errorType": "MemoryError", "errorMessage": "at /var/task/x.py"}),
            502,
            "FunctionError",
        ),
        (garbage(), 502, "cannot be read"),
        (garbage(b'{"a": 1}'), 502, "cannot be read"),
        (garbage(b"[]"), 502, "cannot be read"),
        (garbage(b"null"), 502, "cannot be read"),
    ],
)
def test_target_that_does_not_get_to_answer(
    start_canary: CanaryMaker,
    api: LambdaService,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    status: int,
    cause: str,
) -> None:
    api.faults[ALPHA] = fault
    answer = start_canary('weights = { "alpha/2" = 1 }', seconds=1)(post())
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"], body["stage"]) == (status, "CalleeError", "process")
    assert body["detail"].startswith("alpha/2: ")
    assert cause in body["detail"]
    assert "/var/task" not in answer["body"]
    assert answer["headers"]["x-serving-target"] == "alpha/2"
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_no_connection(start_canary: CanaryMaker, api: LambdaService) -> None:
    canary = start_canary("weights = { alpha = 1 }", seconds=1)
    api.stop()
    answer = canary(post())
    assert (answer["statusCode"], answer["headers"]["x-serving-target"]) == (502, "alpha")
    api.start()
    assert canary(post())["statusCode"] == 200


def test_direct_invoke_of_a_canary_without_answer(
    start_canary: CanaryMaker, api: LambdaService
) -> None:
    api.faults[ALPHA] = not_found()
    with pytest.raises(Exception, match='"status": 502') as raised:
        start_canary("weights = { alpha = 1 }")({})
    assert type(raised.value).__name__ == "CalleeError"


def test_request_over_the_limit_is_not_sent(start_canary: CanaryMaker, api: LambdaService) -> None:
    answer = start_canary("weights = { alpha = 1 }")(post(text="x" * 6_300_000))
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (413, "CalleeError")
    assert api.invokes == []


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        ("weights = { alpha = 0.5 }", "traffic: expected shares that sum to 1, got 0.5"),
        ("latest = [1]", "traffic: expected weights by target, or prefix and latest"),
        ('weights = { "a b" = 1 }', "traffic.weights: expected targets like endpoint or"),
    ],
)
def test_wrong_settings_are_told(start_canary: CanaryMaker, traffic: str, message: str) -> None:
    answer = start_canary(traffic)(post())
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"]) == (503, "SettingsError")
    assert message in body["detail"]

"""Which target a canary endpoint asks."""

import json
from collections import Counter
from typing import Any

import pytest

from lambda_serving.versions import canary as canary_module
from tests.conftest import Handler
from tests.functional.pipelines import STACK, CanaryMaker, answer_whole, find_counts, post
from tests.servers.lambda_faults import not_found
from tests.servers.lambda_service import LambdaService

ALPHA = f"{STACK}-alpha"
BOTH = "weights = { alpha = 0.3, beta = 0.7 }"


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


def test_targets_are_counted(
    start_canary: CanaryMaker, api: LambdaService, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that do not get to answer too."""
    api.faults[ALPHA] = not_found()
    canary = start_canary(BOTH)
    answers = [canary(post()) for _ in range(30)]
    records = find_counts(capsys.readouterr().out, "CanaryRequests", ["Endpoint", "Target"])
    assert {record["Endpoint"] for record in records} == {"canary"}
    told = [answer["headers"]["x-serving-target"] for answer in answers]
    assert [record["Target"] for record in records] == told
    assert set(told) == {"alpha", "beta"}


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
        event = post(headers={"x-user": user}) if in_header else post(user=user)
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

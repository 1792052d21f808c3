"""Shares, and whom they give a request to."""

from collections import Counter
from math import sqrt
from random import Random
from typing import Any

import pytest

from lambda_serving.errors import SettingsError
from lambda_serving.messages.request import Request
from lambda_serving.settings.endpoint_toml import parse_endpoint
from lambda_serving.settings.traffic import Traffic
from lambda_serving.versions.traffic_split import TrafficSplit, draw_point, sort_newest_first

SHARES = {"a": 0.1, "b": 0.25, "c": 0.65}
MANY = 10_000
CANARY = {"endpoint": "x", "engine": "canary"}
WEIGHTS = {"a": 0.5, "b/2": 0.5}


def choose_target(
    shares: dict[str, float], sticky: str | None, request: Request, draw: Any = draw_point
) -> str:
    traffic = Traffic(weights=shares, sticky=sticky)
    return TrafficSplit(traffic, lambda *_, **__: None, draw).choose(request)


def is_fair(counts: Counter[str]) -> bool:
    """Whether each target's count is within three standard deviations of its share."""
    return all(
        abs(counts[target] - MANY * share) <= 3 * sqrt(MANY * share * (1 - share))
        for target, share in SHARES.items()
    )


def test_random_choice_keeps_the_shares() -> None:
    draw, request = Random(1).random, Request({}, "r")
    assert is_fair(Counter(choose_target(SHARES, None, request, draw) for _ in range(MANY)))


@pytest.mark.parametrize("sticky", ["body:user", "header:X-User"])
def test_sticky_choice_keeps_the_shares(sticky: str) -> None:
    def choose(number: int) -> str:
        user = f"user-{number}"
        return choose_target(
            SHARES, sticky, Request({"user": user}, "r", headers={b"x-user": user.encode()})
        )

    chosen = [choose(number) for number in range(MANY)]
    assert is_fair(Counter(chosen))
    assert [choose(number) for number in range(100)] == chosen[:100]


def test_sticky_choice_is_the_same_everywhere() -> None:
    """By the key alone: no process and no release may move the users."""
    users = [f"user-{number}" for number in range(10)]
    chosen = [choose_target(SHARES, "body:u", Request({"u": user}, "r")) for user in users]
    assert "".join(chosen) == "cccccccaba"  # by hand, with sha256sum


def test_sticky_keys_of_any_type() -> None:
    for value in (7, 1.5, True, [1], {"a": 1}, "", "ä"):
        request = Request({"u": value}, "r")
        assert len({choose_target(SHARES, "body:u", request) for _ in range(50)}) == 1


@pytest.mark.parametrize("body", [b"bytes", {}, {"u": None}])
def test_without_the_key_the_choice_is_random(body: Any) -> None:
    chosen = {choose_target(SHARES, "body:u", Request(body, "r")) for _ in range(300)}
    assert chosen == set(SHARES)


def test_the_last_point_of_the_line_is_someones() -> None:
    """Shares sum to 1 but for rounding; one that gets nothing never gets the rest."""
    shares = {"a": 1 - 1e-7, "b": 0.0}
    chosen = Counter(choose_target(shares, None, Request({}, "r")) for _ in range(1000))
    assert chosen == {"a": 1000}
    assert choose_target({"a": 0.0, "b": 1.0}, None, Request({}, "r")) == "b"


def test_newest_first() -> None:
    assert sort_newest_first(["1", "10", "9", "2"]) == ["10", "9", "2", "1"]
    assert sort_newest_first(["v1.9", "v1.10", "v1.2"]) == ["v1.10", "v1.9", "v1.2"]
    assert sort_newest_first(["2024-12", "2025-01", "2024-2"]) == ["2025-01", "2024-12", "2024-2"]
    assert sort_newest_first(["1", "beta", "2"])[:2] == ["2", "1"]


@pytest.mark.parametrize(
    ("versions", "latest", "shares"),
    [
        (["1", "2"], [0.1, 0.9], {"2": 0.1, "1": 0.9}),
        (["1", "2", "3"], [0.1, 0.9], {"3": 0.1, "2": 0.9}),
        (["1"], [0.1, 0.9], {"1": 1.0}),
        (["1"], [0.0, 1.0], {"1": 1.0}),
        (["1", "2"], [0.2, 0.2, 0.6], {"2": 0.5, "1": 0.5}),
        ([], [1.0], {}),
    ],
)
def test_shares_by_age(versions: list[str], latest: list[float], shares: dict[str, float]) -> None:
    split = TrafficSplit(Traffic(latest=tuple(latest)), lambda *_, **__: None)
    assert split.share_latest(versions) == shares


@pytest.mark.parametrize(
    "traffic",
    [
        {"weights": {"a": 1}},
        {"weights": {"a/1": 0.1, "b-c_d/v1.0-rc_1": 0.9}},
        {"weights": {f"t{number}": 0.1 for number in range(10)}},
        {"weights": {"a": 0, "b": 1.0}},
        {"prefix": "a", "latest": [0.1, 0.9]},
        {"weights": WEIGHTS, "sticky": "header:X-User-Id"},
        {"weights": WEIGHTS, "sticky": "body:user"},
    ],
)
def test_right_settings(traffic: dict[str, Any]) -> None:
    parsed = parse_endpoint(CANARY | {"traffic": traffic}).traffic
    assert parsed is not None
    assert parsed.weights == traffic.get("weights", {})
    assert parsed.latest == tuple(traffic.get("latest", ()))
    assert (parsed.prefix, parsed.sticky) == (traffic.get("prefix"), traffic.get("sticky"))


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        (3, "traffic: expected a table, got 3"),
        ({"wieghts": {}}, r"traffic.wieghts: expected one of the keys weights, .*, got 'wieghts'"),
        ({}, "traffic: expected either weights or latest"),
        ({"weights": WEIGHTS, "latest": [1]}, "traffic: expected either weights or latest"),
        ({"weights": {}}, r'traffic.weights: expected a table like \{ "2" = 0.1'),
        ({"weights": [1]}, "traffic.weights: expected a table"),
        ({"weights": {"a": "1"}}, "traffic: expected shares from 0 to 1"),
        ({"weights": {"a": -0.5, "b": 1.5}}, "traffic: expected shares from 0 to 1"),
        ({"weights": {"a": float("nan")}}, "traffic: expected shares from 0 to 1"),
        ({"weights": {"a": 0.5, "b": 0.4}}, "traffic: expected shares that sum to 1, got 0.9"),
        ({"weights": {"a b": 1}}, "traffic.weights: expected targets like .* got 'a b'"),
        ({"weights": {"a/b/c": 1}}, "traffic.weights: expected targets like"),
        ({"weights": {"/a": 1}}, "traffic.weights: expected targets like"),
        ({"weights": {"a/": 1}}, "traffic.weights: expected targets like"),
        ({"latest": []}, "traffic.latest: expected shares like"),
        ({"latest": [0.5]}, "traffic: expected shares that sum to 1"),
        ({"latest": [1]}, "weights by target, or prefix and latest, got 'latest without prefix'"),
        ({"weights": WEIGHTS, "prefix": "a"}, "prefix and latest, got 'prefix and weights'"),
        ({"prefix": "a b", "latest": [1]}, "traffic.prefix: expected a name of"),
        ({"prefix": 3, "latest": [1]}, "traffic.prefix: expected an endpoint's name, got 3"),
        ({"prefix": "a"}, "traffic: expected either weights or latest"),
        ({"weights": WEIGHTS, "sticky": "cookie:x"}, "traffic.sticky: expected header:<name>"),
        ({"weights": WEIGHTS, "sticky": "header:"}, "traffic.sticky: expected header:<name>"),
        ({"weights": WEIGHTS, "sticky": 3}, "traffic.sticky: expected header:<name>"),
    ],
)
def test_wrong_settings(traffic: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_endpoint(CANARY | {"traffic": traffic})


def test_a_canary_needs_its_traffic() -> None:
    with pytest.raises(SettingsError, match="traffic: expected a table for the engine 'canary'"):
        parse_endpoint(CANARY)


OWN = {"endpoint": "x", "engine": "custom", "version": {"2": {}}}
UPDATE = {"project": "p", "name": "n"}


def test_traffic_between_own_versions() -> None:
    table = {"weights": {"2": 0.1, "1": 0.9}, "guard": {"errors": 0.2, "window": 50}}
    traffic = parse_endpoint(OWN | {"traffic": table}).traffic
    assert traffic is not None and traffic.guard is not None
    assert (traffic.guard.errors, traffic.guard.window) == (0.2, 50)
    traffic = parse_endpoint(OWN | {"traffic": {"latest": [0.1, 0.9], "guard": False}}).traffic
    assert traffic is not None and traffic.guard is None and traffic.latest == (0.1, 0.9)


@pytest.mark.parametrize(
    ("traffic", "told"),
    [
        ({"weights": {"3": 1}}, "traffic.weights: expected of the versions 1, 2, got '3'"),
        ({"latest": [1], "prefix": "x"}, "traffic.prefix: expected it with the engine 'canary'"),
        ({"latest": [1], "guard": True}, "traffic.guard: expected false, or a table"),
        ({"latest": [1], "guard": {"limit": 1}}, "traffic.guard: expected false, or a table"),
        ({"latest": [1], "guard": {"errors": 1}}, "guard.errors: expected a share between 0 and 1"),
        ({"latest": [1], "guard": {"window": 1}}, "guard.window: expected a number of requests"),
    ],
)
def test_wrong_traffic_between_own_versions(traffic: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_endpoint(OWN | {"traffic": traffic})
    assert told in raised.value.detail


def test_auto_update() -> None:
    settings = parse_endpoint(
        {
            "endpoint": "x",
            "engine": "sklearn",
            "auto_update": UPDATE | {"tags": ["a"], "max_versions": 2, "poll_seconds": 5},
            "traffic": {"latest": [0.1, 0.9]},
        }
    )
    update = settings.auto_update
    assert update is not None and settings.versions == {} and settings.default == ""
    assert (update.project, update.name, update.tags, update.published) == ("p", "n", ("a",), True)
    assert (update.max_versions, update.poll_seconds) == (2, 5)
    assert settings.shared is not None and settings.shared.engine == "sklearn"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"auto_update": {"name": "n"}}, "auto_update.project: expected a text, got nothing"),
        ({"auto_update": UPDATE, "model": "a"}, "model: expected none beside [auto_update]"),
        ({"auto_update": UPDATE, "version": {"2": {}}}, "version: expected none beside"),
        ({"auto_update": UPDATE, "engine": "canary"}, "engine: expected one that runs a model"),
        ({"auto_update": UPDATE | {"project": 3}}, "auto_update.project: expected a text, got 3"),
        ({"auto_update": UPDATE | {"tags": "a"}}, "auto_update.tags: expected a list of texts"),
        ({"auto_update": UPDATE | {"max_versions": 0}}, "a whole number from 1 to 100, got 0"),
        ({"auto_update": UPDATE | {"poll_seconds": 0}}, "seconds from 1 to 86400, got 0"),
        ({"auto_update": UPDATE | {"published": 1}}, "true or false, got 1"),
        ({"auto_update": UPDATE | {"poll": 1}}, "auto_update.poll: expected one of the keys"),
        ({"auto_update": "p"}, "auto_update: expected a table"),
        (
            {"auto_update": UPDATE, "traffic": {"weights": {"1": 1}}},
            "traffic.weights: expected latest = [...] beside [auto_update]",
        ),
        (
            {"auto_update": UPDATE, "traffic": {"latest": [0.1, 0.9]}},
            "auto_update.max_versions: expected at least 2, one for each share of traffic.latest",
        ),
    ],
)
def test_wrong_auto_update(table: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_endpoint({"endpoint": "x", "engine": "sklearn"} | table)
    assert told in raised.value.detail

"""Events as no source would send them: real ones with a few fields gone, changed or added, and
bodies of every kind."""

import base64
import copy
import gzip
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.events import EVENTS, load_event

NAMES = [path.stem for path in sorted(EVENTS.glob("*.json")) if "over_limit" not in path.stem]
EVENT = {name: load_event(name) for name in NAMES}
POSTS = [name for name in NAMES if name.endswith(("_post_json", "_multi_value_headers"))]
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
TYPES = ("application/json", "application/x+json", "text/plain", "", "application/json;charset=x")
TEXTS = st.text(st.characters(), max_size=12)  # lone surrogates, too
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.sampled_from([10**400, 1e308])
)
ROWS = st.lists(st.lists(st.floats(width=32) | st.integers(-9, 9), max_size=3), max_size=3)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
INPUTS = st.dictionaries(
    st.sampled_from(["a", "b", "row", "f0", "sepal_length", "serving"]), JSON | ROWS, max_size=3
)
"""Objects whose keys mean something to a model, or to us."""


def list_places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from list_places(value[key])


@st.composite
def changed_events(draw: st.DrawFn) -> Any:
    """A real event with one to three fields gone, changed or added."""
    event = copy.deepcopy(EVENT[draw(st.sampled_from(NAMES))])
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        places = list(list_places(event))
        if not places:
            break
        owner, key = places[draw(st.integers(0, len(places) - 1))]
        kind = draw(st.integers(0, 9))
        if kind < 3:
            del owner[key]
            continue
        value = draw(st.sampled_from(VALUES) | TEXTS | JSON)
        if kind < 5 and isinstance(owner, dict):
            key = draw(st.sampled_from(KEYS))
        owner[key] = copy.deepcopy(value)
    return event


@st.composite
def posts(draw: st.DrawFn) -> Any:
    """A POST of each source with a body of any kind; it may be in gzip, or claim to be."""
    name = draw(st.sampled_from(POSTS))
    event = copy.deepcopy(EVENT[name])
    raw = draw(st.one_of(INPUTS.map(write_json), JSON.map(write_json), st.binary(max_size=40)))
    content_type, encoding = draw(st.sampled_from(TYPES)), draw(st.sampled_from(("", "gzip")))
    if encoding and draw(st.booleans()):
        raw = gzip.compress(raw, 1)
    if name.startswith("envelope"):
        event["serving"] |= {"content_type": content_type, "content_encoding": encoding}
        return event | {"body": base64.b64encode(raw).decode()}
    headers = {"content-type": content_type, "content-encoding": encoding}
    if event.get("multiValueHeaders"):
        event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    if "headers" in event:
        event["headers"] = headers
    body = base64.b64encode(raw).decode() if draw(st.booleans()) else raw.decode("latin-1")
    return event | {"body": body, "isBase64Encoded": draw(st.booleans())}


@st.composite
def envelopes(draw: st.DrawFn) -> Any:
    """The envelope of another endpoint's call, with fields of any kind."""
    fields = st.sampled_from(
        ["protocol", "version", "depth", "request_id", "content_type", "content_encoding", "answer"]
    )
    values = st.sampled_from(["1", "2", 1, "gzip", "metadata", "whole", "application/json"])
    envelope = {"protocol": 1} | draw(st.dictionaries(fields, values | SCALARS, max_size=4))
    return {"serving": envelope, "body": draw(INPUTS | JSON)}


def write_json(value: Any) -> bytes:
    return json.dumps(value).encode()


ANY_EVENT = st.one_of(
    changed_events(), changed_events(), posts(), posts(), envelopes(), INPUTS, JSON
)

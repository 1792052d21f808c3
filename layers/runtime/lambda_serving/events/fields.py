"""The fields of HTTP events, and their types.

AWS always sends events like this (AWS's event references of API Gateway, ALB and function URLs).
An event with a missing field or one of the wrong type was made up, and is the caller's mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lambda_serving.errors import MalformedEventError
from lambda_serving.messages.encoding import describe_json_type

NOTHING: Any = object()
"""In the place of a field that is not there."""


class Kind(NamedTuple):
    """What stands in a field: in words, and a check."""

    expected: str
    fits: Callable[[Any], bool]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_empty(value: Any) -> bool:
    """Several sources send null for what there is none of."""
    return value is NOTHING or value is None


def are_texts(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def is_texts(value: Any) -> bool:
    return isinstance(value, dict) and are_texts(value.values())


def is_lists(value: Any) -> bool:
    """Whether it is an object of lists of strings."""
    return isinstance(value, dict) and all(
        isinstance(each, list) and are_texts(each) for each in value.values()
    )


def allow_none(kind: Kind) -> Kind:
    """The same, or null, or no such field."""
    expected, fits = kind
    return Kind(f"{expected}, null or nothing", lambda value: is_empty(value) or fits(value))


def allow_nothing(kind: Kind) -> Kind:
    """The same, or no such field, but never null."""
    expected, fits = kind
    return Kind(f"{expected} or nothing", lambda value: value is NOTHING or fits(value))


VERSION = Kind("'2.0'", lambda value: value == "2.0")
TEXT = Kind("a string", is_text)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
LIST = Kind("a list of strings", lambda value: isinstance(value, list) and are_texts(value))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
TEXTS = Kind("an object of strings", is_texts)
LISTS = Kind("an object of lists of strings", is_lists)

Fields = Mapping[tuple[str, ...], Kind]

BODY: Fields = {("body",): allow_none(TEXT), ("isBase64Encoded",): allow_none(FLAG)}
"""Of all events."""

HTTP_FIELDS: Fields = {
    ("version",): VERSION,
    ("requestContext", "http", "method"): TEXT,
    ("requestContext", "http", "path"): TEXT,
    ("requestContext", "http", "sourceIp"): TEXT,
    ("headers",): allow_nothing(TEXTS),
    ("cookies",): allow_none(LIST),
    ("rawQueryString",): allow_nothing(TEXT),
    **BODY,
}
"""Of API Gateway's HTTP API, payload 2.0, and function URLs."""

PATH: Fields = {("httpMethod",): TEXT, ("path",): TEXT, **BODY}
QUERY: Fields = {
    ("queryStringParameters",): allow_none(TEXTS),
    ("multiValueQueryStringParameters",): allow_none(LISTS),
}

REST_FIELDS: Fields = {
    **PATH,
    ("headers",): allow_none(TEXTS),
    ("multiValueHeaders",): allow_none(LISTS),
    ("requestContext", "identity"): allow_nothing(OBJECT),
    **QUERY,
}
"""Of API Gateway's REST API, and its HTTP API's payload 1.0."""

ALB_FIELDS: Fields = {**PATH, ("headers",): TEXTS, **QUERY}
ALB_LISTS_FIELDS: Fields = {**PATH, ("multiValueHeaders",): LISTS, **QUERY}
"""Of a target group with multi-value headers."""


def check_fields(event: Any, fields: Fields) -> None:
    """Refuse an event with a field that is not as AWS sends it.

    Raises:
        MalformedEventError: names the first one, what was expected and what came.
    """
    for path, kind in fields.items():
        value = event
        for key in path:
            value = value.get(key, NOTHING) if isinstance(value, dict) else NOTHING
        if not kind.fits(value):
            raise MalformedEventError(
                f"the event: expected {kind.expected} as {'.'.join(path)},"
                f" got {describe(value, kind)}"
            )


def describe(value: Any, kind: Kind) -> str:
    """What stands in a field, and never its content: a header may be a credential."""
    if value is NOTHING:
        return "nothing"
    if not isinstance(value, dict):
        return describe_json_type(value)
    return "an object of other things" if kind.expected.startswith("an object") else "an object"

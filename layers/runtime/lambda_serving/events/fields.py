"""The fields of HTTP events, and their types.

AWS always sends events like this (AWS's event references of API Gateway, ALB and function URLs).
An event with a missing field or one of the wrong type was made up, and is the caller's mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from lambda_serving.errors import MalformedEventError
from lambda_serving.messages.encoding import describe_json_type

NOTHING: Any = object()
"""In the place of a field that is not there."""


def is_texts(value: Any) -> bool:
    return isinstance(value, dict) and are_texts(value.values())


def is_lists(value: Any) -> bool:
    """Whether it is an object of lists of strings."""
    return isinstance(value, dict) and all(map(is_list, value.values()))


def is_list(value: Any) -> bool:
    return isinstance(value, list) and are_texts(value)


def are_texts(values: Iterable[Any]) -> bool:
    return {str}.issuperset(map(type, values))


class Kind(NamedTuple):
    """What stands in a field: in words; the types that fit as they are; a check of any other."""

    expected: str
    types: tuple[type, ...] = ()
    fits: Callable[[Any], bool] = lambda value: False


def allow_none(kind: Kind) -> Kind:
    """The same, or null, which several sources send for what there is none of; or no such field."""
    types = (*kind.types, type(None), type(NOTHING))
    return kind._replace(expected=f"{kind.expected}, null or nothing", types=types)


def allow_nothing(kind: Kind) -> Kind:
    """The same, or no such field, but never null."""
    return kind._replace(expected=f"{kind.expected} or nothing", types=(*kind.types, type(NOTHING)))


VERSION = Kind("'2.0'", fits=lambda value: value == "2.0")
TEXT = Kind("a string", (str,))
FLAG = Kind("true or false", (bool,))
LIST = Kind("a list of strings", fits=is_list)
OBJECT = Kind("an object", (dict,))
TEXTS = Kind("an object of strings", fits=is_texts)
LISTS = Kind("an object of lists of strings", fits=is_lists)

Fields = Mapping[tuple[str, ...], Mapping[str, Kind]]
"""The keys that lead to an object -> its fields."""

BODY = {"body": allow_none(TEXT), "isBase64Encoded": allow_none(FLAG)}
"""Of all events."""

HTTP_FIELDS: Fields = {
    (): {
        "version": VERSION,
        "headers": allow_nothing(TEXTS),
        "cookies": allow_none(LIST),
        "rawQueryString": allow_nothing(TEXT),
        **BODY,
    },
    ("requestContext", "http"): {"method": TEXT, "path": TEXT, "sourceIp": TEXT},
}
"""Of API Gateway's HTTP API, payload 2.0, and function URLs."""

PATH = {"httpMethod": TEXT, "path": TEXT, **BODY}
QUERY = {
    "queryStringParameters": allow_none(TEXTS),
    "multiValueQueryStringParameters": allow_none(LISTS),
}

REST_FIELDS: Fields = {
    (): {
        **PATH,
        "headers": allow_none(TEXTS),
        "multiValueHeaders": allow_none(LISTS),
        **QUERY,
    },
    ("requestContext",): {"identity": allow_nothing(OBJECT)},
}
"""Of API Gateway's REST API, and its HTTP API's payload 1.0."""

ALB_FIELDS: Fields = {(): {**PATH, "headers": TEXTS, **QUERY}}
ALB_LISTS_FIELDS: Fields = {(): {**PATH, "multiValueHeaders": LISTS, **QUERY}}
"""Of a target group with multi-value headers."""


def check_fields(event: Any, fields: Fields) -> None:
    """Refuse an event with a field that is not as AWS sends it.

    Raises:
        MalformedEventError: names the first one, what was expected and what came.
    """
    for path, kinds in fields.items():
        owner = event
        for key in path:
            owner = owner.get(key)
            if not isinstance(owner, dict):
                owner = {}
        for key, (expected, types, fits) in kinds.items():
            value = owner.get(key, NOTHING)
            if type(value) not in types and not fits(value):
                raise MalformedEventError(
                    f"the event: expected {expected} as {'.'.join((*path, key))},"
                    f" got {describe(value, expected)}"
                )


def describe(value: Any, expected: str) -> str:
    """What stands in a field, and never its content: a header may be a credential."""
    if value is NOTHING:
        return "nothing"
    if not isinstance(value, dict):
        return describe_json_type(value)
    return "an object of other things" if expected.startswith("an object") else "an object"

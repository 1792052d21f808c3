"""Reads values that user code returns or raises. They may be of any type, and raise anything."""

from __future__ import annotations

import re
from typing import Any

from lambda_serving.redaction import shorten

ABSENT: Any = object()
"""In the place of an attribute that there is none of, or that cannot be read."""

OWN_HEADERS = ("content-type", "content-length", "transfer-encoding")
"""Of an error's answer: they follow from its body."""


def read_attribute(owner: object, name: str) -> Any:
    """An attribute of a user's object; ABSENT where a property of that name raises, too."""
    try:
        return getattr(owner, name, ABSENT)
    except BaseException:  # noqa: BLE001  (user code may raise anything)
        return ABSENT


def get_text(exception: object) -> str:
    """``str(exception)``, cut to a sane length, or that it fails."""
    try:
        return shorten(str(exception))
    except BaseException:  # noqa: BLE001  (user code may raise anything)
        return f"<{type(exception).__name__} whose __str__ fails>"


def show(value: object) -> str:
    """A value as text that can be encoded: a text as it is, anything else as its ``ascii``.

    It is cut to a sane length.
    """
    if isinstance(value, str):
        return shorten(value).encode(errors="backslashreplace").decode()
    try:
        return shorten(ascii(value))
    except BaseException:  # noqa: BLE001  (user code may raise anything)
        return f"<{type(value).__name__} whose __repr__ fails>"


def read_status(value: object, least: int) -> int | None:
    """An HTTP status from ``least`` to 599: a number, or one's digits. None for anything else.

    True is none, nor is 404.0.
    """
    try:
        status = int(str(value))
    except BaseException:  # noqa: BLE001  (user code may raise anything)
        return None
    return status if least <= status <= 599 else None


def fit_header(name: str, value: str) -> tuple[str, str] | None:
    """A header as HTTP can send it: of one line, in latin-1 (RFC 9110, 5.5); None by such a name.

    What a value may not hold is a space: a line end would begin another header.
    """
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):
        return None
    return name, re.sub(r"[^ -~\xa0-\xff]+", " ", value).strip()


def read_headers(headers: Any) -> dict[str, str]:
    """The headers that a user's exception has, as far as HTTP can send them."""
    try:
        given = list(dict(headers).items())
    except BaseException:  # noqa: BLE001  (user code may raise anything)
        return {}
    fitting = (fit_header(get_text(name), get_text(value)) for name, value in given)
    return {name: text for name, text in filter(None, fitting) if name.lower() not in OWN_HEADERS}

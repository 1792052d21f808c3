"""Tracebacks as `lambda-serving logs` shows them: from the user's own code on, and once."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from lambda_serving.errors import InputError, InternalError
from lambda_serving.messages.encoding import parse_json
from lambda_serving.user_code.failures import call_user
from lambda_serving_cli.logs.tracebacks import shorten_traceback


def fail(error: BaseException) -> Any:
    raise error


def wrap(error: BaseException) -> None:
    """As the pipeline does with an error of user code."""
    call_user("process", fail, error)


def chain() -> None:
    try:
        fail(KeyError("first"))
    except KeyError as error:
        raise RuntimeError("second\n  File of two lines") from error


def tell(function: Callable[..., Any], *arguments: Any) -> str:
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001  (whatever it is)
        return "".join(traceback.format_exception(error))
    raise AssertionError


@pytest.mark.parametrize(
    ("text", "first", "last", "absent"),
    [
        (tell(wrap, KeyError("x")), "in fail", "KeyError: 'x'", "lambda_serving.errors"),
        (tell(wrap, ValueError("a\nb")), "in fail", "ValueError: a\nb", "call_user"),
        (tell(wrap, OSError("no")), "in fail", "OSError: no", "failures.py"),
        (tell(chain), "in chain", "File of two lines", "nothing"),
        (tell(fail, InputError("own")), "in tell", "InputError: own", "nothing"),
        (tell(parse_json, b"{"), "in tell", "(char 1)", "nothing"),
        (
            tell(wrap, ExceptionGroup("many", [KeyError(1)])),
            "  | ",
            "KeyError: 1\n",
            "UserCodeError",
        ),
    ],
    ids=["wrapped", "lines", "system", "chain", "refusal", "library", "group"],
)
def test_the_users_own_part_is_shown(text: str, first: str, last: str, absent: str) -> None:
    shown = shorten_traceback(text)
    head, frame = shown.split("\n")[:2]
    assert "Traceback (most recent call last):" in head and first in shown
    assert frame.startswith(("  File ", "  | ", "  + "))
    assert last.strip() in shown and absent not in shown
    assert set(shown.splitlines()) <= set(text.splitlines())


def test_an_error_without_a_traceback_stays() -> None:
    text = "lambda_serving.errors.InternalError: of ours"
    assert shorten_traceback(text) == text
    error = InternalError("of ours")
    error.__cause__ = KeyError("x")
    text = "".join(traceback.format_exception(error))
    assert shorten_traceback(text) == "KeyError: 'x'"

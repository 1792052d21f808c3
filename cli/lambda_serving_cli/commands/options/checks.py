"""Values of options, checked by a room: what it refuses is wrong usage."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer


@contextmanager
def refuse_option() -> Iterator[None]:
    """Around a check: a ValueError is told as wrong usage."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_with(check: Callable[[str], str | None]) -> Callable[[Any], Any]:
    """A callback of Typer for a function that raises ValueError; an option left out is None."""

    def callback(text: Any) -> Any:
        with refuse_option():
            return None if text is None else check(text)

    return callback

"""How options become values: checked by a room, or several of them read into one value."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
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


def with_options(
    name: str, read: Callable[..., Any], first: Collection[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: a Typer command with the options of `read`, whose result it takes as `name`.

    In its help, those named in `first` come before the command's own options, the others after.
    """
    shared = inspect.signature(read, eval_str=True).parameters

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.name != name]
        begin = [each for each in shared.values() if each.name in first]
        end = [each for each in shared.values() if each.name not in first]
        parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*begin, *own, *end]
        ]

        @functools.wraps(command)
        def run(**options: Any) -> Any:
            value = read(**{key: options.pop(key) for key in shared})
            return command(**options, **{name: value})

        # Typer reads both.
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate

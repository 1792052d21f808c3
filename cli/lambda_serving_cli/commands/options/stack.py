"""The options that say which stack a command talks to, the same for every command."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.checks import refuse_option

REMEMBERED = "samconfig.toml's"


def read_selection(
    stack: Annotated[
        str | None,
        typer.Option(help="Name of the stack in AWS.", show_default=REMEMBERED),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="AWS region of the stack.", show_default=REMEMBERED),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="AWS profile to sign in with.", show_default=REMEMBERED),
    ] = None,
    local: Annotated[
        bool | None,
        typer.Option(
            "--local/--aws",
            help="The cloud on this machine, or AWS.",
            show_default="local while `make up` runs, but AWS with --stack, --region or --profile",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of a local cloud's state.", show_default=".local"),
    ] = None,
) -> StackSelection:
    """The options together.

    Raises:
        typer.BadParameter: they contradict each other.
    """
    with refuse_option():
        return StackSelection(stack, region, profile, local, state)


def with_stack_options[R](command: Callable[..., R]) -> Callable[..., R]:
    """Give a Typer command the options above, which it takes together as its `selection`."""
    own = inspect.signature(command, eval_str=True)
    ours = inspect.signature(read_selection).parameters
    parameters = [each for each in own.parameters.values() if each.name != "selection"]
    parameters += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in ours.values()]

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> R:
        selection = read_selection(**{name: options.pop(name) for name in ours})
        return command(*arguments, selection=selection, **options)

    # Typer reads both.
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run

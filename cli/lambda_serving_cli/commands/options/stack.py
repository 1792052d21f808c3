"""The options that say which stack a command talks to, the same for every command."""

from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.commands.options.parsing import refuse_option, with_options

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
    """The options together."""
    with refuse_option():
        return StackSelection(stack, region, profile, local, state)


with_stack_options = with_options("selection", read_selection)

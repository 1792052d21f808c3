"""The token of an HTTP API that asks for one, the same option for every command that calls it."""

from __future__ import annotations

from typing import Annotated

import typer

from lambda_serving_cli.aws.authorization import TOKEN_VARIABLE, check_token
from lambda_serving_cli.commands.options.parsing import check_with

TokenOption = Annotated[
    str | None,
    typer.Option(
        envvar=TOKEN_VARIABLE,
        callback=check_with(check_token),
        metavar="TOKEN",
        help="Bearer token, where the stack asks for one (Auth=JWT). Others can read it in the list"
        " of processes: rather set the variable.",
    ),
]

"""The command `new`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.parsing import check_with
from lambda_serving_cli.commands.outcome import show_outcome
from lambda_serving_cli.project.creation import scaffold
from lambda_serving_cli.project.project import (
    check_description,
    check_engine,
    check_name,
    find_project,
)


def new(
    name: Annotated[
        str, typer.Argument(callback=check_with(check_name), help="The endpoint's name.")
    ],
    engine: Annotated[
        str,
        typer.Option(
            callback=check_with(check_engine),
            help="onnx, triton, sklearn, xgboost, lightgbm, custom or custom_async.",
        ),
    ],
    description: Annotated[
        str,
        typer.Option(
            callback=check_with(check_description),
            help="What the endpoint does, for whoever looks at the stack.",
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Make an endpoint to be filled in.

    It makes its folder in functions/, its function in template.yaml, and a test.

    Examples:

    \b
      lambda-serving new churn --engine sklearn
      lambda-serving new thumbs --engine custom --description "Shrinks pictures"
    """
    show_outcome(scaffold(find_project(), name, engine, description), as_json)

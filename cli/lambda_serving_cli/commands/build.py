"""The command `build`."""

from typing import Annotated

import typer

from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.local_cloud.build import build_for_aws
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import keep_stdout_clean, write_json


def build(
    architecture: Annotated[
        str, typer.Option(help="x86_64 or arm64, as the template's parameter.")
    ] = "x86_64",
    as_json: JsonOption = False,
) -> None:
    """Run `sam build` for AWS.

    The result goes to .aws-sam, where `sam deploy` takes it from.

    Examples:

    \b
      lambda-serving build
      lambda-serving build --architecture arm64
    """
    with keep_stdout_clean(as_json):
        folder, is_new = build_for_aws(find_project(), architecture)
    if as_json:
        write_json({"built": is_new, "folder": str(folder)})

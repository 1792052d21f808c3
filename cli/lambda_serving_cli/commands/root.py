"""Models behind HTTP on AWS Lambda: endpoints, their models, the local cloud, statistics."""

from importlib.metadata import version
from typing import Annotated

import typer

from lambda_serving_cli.commands.failures import DEBUG_VARIABLE, Commands

# Help without panels and colours: what it shows can be copied, from a terminal and from a pipe.
app = typer.Typer(
    cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


def tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"lambda-serving {version('lambda-serving')}")
        raise typer.Exit


@app.callback(help=__doc__)
def main(
    is_asked: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Tell the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar=DEBUG_VARIABLE, help="Show the traceback of an error."),
    ] = False,
) -> None:
    """What goes before every command."""

"""The command `dev`."""

from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.local_cloud.layout import DEFAULT_HOST


def dev(
    functions: Annotated[
        Path | None, typer.Option(help="Folder of the endpoints.", show_default="functions")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(help="A folder, s3://bucket or a bucket.", show_default=".local/models"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    reload: Annotated[bool, typer.Option(help="Start anew when a .py or .toml is saved.")] = True,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Write the record of each request, errors too, to stdout as a line of JSON, and "
            "everything else to stderr.",
        ),
    ] = False,
) -> None:
    """Serve all endpoints in one process: no build, no emulator.

    Examples:

    \b
      lambda-serving dev
      lambda-serving dev --port 8080 --models s3://my-models
    """
    from lambda_serving_cli.dev_server.serving import serve

    serve(functions, models, host, port, reload, as_json)

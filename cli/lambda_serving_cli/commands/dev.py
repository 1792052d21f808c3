"""The command `dev`."""

from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.local_cloud.layout import DEFAULT_HOST


def dev(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Endpoints to serve.", show_default="all"),
    ] = None,
    functions: Annotated[
        Path | None, typer.Option(help="Folder of the endpoints.", show_default="functions")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="A folder, s3://bucket or a bucket.",
            show_default=".local/models, and the local cloud while it runs",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    reload: Annotated[
        bool, typer.Option(help="Load an endpoint anew when a file of its code is saved.")
    ] = True,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Write the record of each request, errors too, to stdout as a line of JSON, and "
            "everything else to stderr.",
        ),
    ] = False,
) -> None:
    """Serve endpoints, each with the packages that its function has: no build, no emulator.

    Examples:

    \b
      lambda-serving dev
      lambda-serving dev iris_onnx filetype
      lambda-serving dev --port 8080 --models s3://my-models
    """
    from lambda_serving_cli.dev_server.serving import serve

    serve(names or [], functions, models, host, port, reload, as_json)

"""The commands `local up` and `local down`."""

import shlex
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.aws import authorization
from lambda_serving_cli.aws.local_stack import CREDENTIAL
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.local_cloud.bucket import weigh_bucket
from lambda_serving_cli.local_cloud.cloud import Running, Wish, bring_up, clean, take_down
from lambda_serving_cli.local_cloud.layout import DEFAULT_HOST, DEFAULT_PORT, Layout, find_tool
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import keep_stdout_clean, write_json, write_line

app = typer.Typer(no_args_is_help=True, help="The local cloud: this project, deployed here.")

StateOption = Annotated[
    Path | None,
    typer.Option(help="Folder of this cloud's state; another one makes a cloud beside the first."),
]


class Auth(StrEnum):
    """Who may call."""

    NONE = authorization.NONE
    AWS_IAM = authorization.IAM
    JWT = authorization.JWT


@app.command()
def up(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(help="Build, update and try these alone.", show_default="what changed"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the local AWS.",
            show_default=f"the last one, at first {DEFAULT_PORT}",
            min=1,
            max=65535,
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on.", show_default=f"the last one, at first {DEFAULT_HOST}"
        ),
    ] = None,
    auth: Annotated[
        Auth | None,
        typer.Option(
            help="Who may call the HTTP API, as the template's parameter says it.",
            show_default=f"as at the last time, at first {authorization.NONE}",
        ),
    ] = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build, start and deploy what changed, and try it.

    Where nothing but the code of functions changed, those functions alone are built and updated.
    With JWT a user pool of the local cloud issues the tokens, and the other commands get one there.

    Examples:

    \b
      lambda-serving local up
      lambda-serving local up iris_onnx filetype
      lambda-serving local up --port 4570 --state /tmp/second --json
      lambda-serving local up --auth JWT
    """
    layout = find_layout(state)
    with keep_stdout_clean(as_json):
        running = bring_up(layout, Wish(host, port, auth, endpoints or ()))
        show_exchanges(running)
        show_next(layout, running)
    if as_json:
        write_json(asdict(running.stack))


@app.command()
def down(
    is_clean: Annotated[
        bool, typer.Option("--clean", help="Remove its models and its registry, too.")
    ] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop everything that `up` started.

    The models in its bucket, the registry and the address stay for the next `up`.

    Examples:

    \b
      lambda-serving local down
      lambda-serving local down --clean
      lambda-serving local down --state /tmp/second
    """
    layout = find_layout(state)
    with keep_stdout_clean(as_json):
        stopped = take_down(layout)
    contents = weigh_bucket(layout)
    if is_clean:
        clean(layout)
    if as_json:
        write_json({"stopped": stopped, "removed" if is_clean else "kept": asdict(contents)})
        return
    write_line("The local cloud is down." if stopped else "No local cloud was running.")
    if is_clean:
        write_line(f"Removed: {contents.describe()}.")
    elif contents.files:
        write_line(f"Kept for the next `make up`: {contents.describe()}.")
        write_line("`make down CLEAN=1` removes that, too.")


def find_layout(state: Path | None) -> Layout:
    root = find_project().root
    return Layout(root, (state or root / ".local").resolve())


def show_exchanges(running: Running) -> None:
    """The request that each endpoint was tried with, and its answer."""
    if not running.exchanges:
        write_line("\nNothing changed since every endpoint answered.")
    for endpoint, pairs in running.exchanges.items():
        write_line(f"\n{endpoint}")
        for pair in pairs:
            write_line(f"  > {pair.request}  {pair.body}")
            write_line(f"  < {pair.answer} ({pair.milliseconds} ms)")


def show_next(layout: Layout, running: Running) -> None:
    """Commands to go on with."""
    stack = running.stack
    credentials = f"AWS_ACCESS_KEY_ID={CREDENTIAL} AWS_SECRET_ACCESS_KEY={CREDENTIAL}"
    write_line(f"\nThe local cloud is up; {layout.stack_file} says how to reach it. Try next:")
    if stack.auth != authorization.NONE:
        write_line("  uv run lambda-serving invoke filetype --data @README.md")
    elif "filetype" in stack.functions:
        write_line(f"  curl --data-binary @README.md {stack.api_url}/serve/filetype")
    if "iris_onnx" in stack.functions:
        write_line(
            f"  {credentials} aws lambda invoke --endpoint-url {stack.aws_endpoint_url} \\\n"
            f"    --region {stack.region} --function-name {stack.functions['iris_onnx']} \\\n"
            "    --payload fileb://functions/iris_onnx/sample.json /dev/stdout  # needs the AWS CLI"
        )
        write_line(
            f"  {credentials} {name_sam(layout)} local invoke IrisOnnx --config-env local \\\n"
            "    --event functions/iris_onnx/sample.json    # needs Docker"
        )
    write_line(
        "  uv run lambda-serving logs --follow    # requests, cold starts, lines, tracebacks"
    )
    write_line("  make test    # the whole test suite, on a local cloud of its own")
    write_line("  make down    # stop all this")


def name_sam(layout: Layout) -> str:
    """`sam` as it is called from the project's folder."""
    sam = Path(find_tool("sam"))
    return shlex.quote(
        str(sam.relative_to(layout.root) if sam.is_relative_to(layout.root) else sam)
    )

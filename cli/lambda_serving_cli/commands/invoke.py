"""The command `invoke`."""

import base64
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lambda_serving_cli.aws.authorization import IAM, JWT
from lambda_serving_cli.aws.deployed import BYTES, JSON, Reply, ask_endpoint, require_function
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import DeployedStack, find_deployed_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.parsing import check_with
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.commands.options.token import TokenOption
from lambda_serving_cli.files.content import parse_json
from lambda_serving_cli.project.project import check_name, check_version, find_project
from lambda_serving_cli.project.samples import find_sample
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import write_json, write_line


@with_stack_options
def invoke(
    endpoint: Annotated[
        str, typer.Argument(callback=check_with(check_name), help="The endpoint's name.")
    ],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="With --example: which one.", show_default=False),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            callback=check_with(check_version),
            help="One version, instead of who gets the traffic.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="JSON|@FILE|-", help="The body; - reads standard input.", show_default="{}"
        ),
    ] = None,
    example: Annotated[
        bool,
        typer.Option(
            "--example",
            help="Send the endpoint's sample.json; with a NAME, the one of samples/.",
        ),
    ] = False,
    content_type: Annotated[
        str | None,
        typer.Option(help="Of the body.", show_default="JSON for an object, else octet-stream"),
    ] = None,
    by_lambda: Annotated[
        bool,
        typer.Option(
            "--lambda/--http", help="Invoke the function, or call the HTTP API, which is usual."
        ),
    ] = False,
    token: TokenOption = None,
    as_json: JsonOption = False,
    *,
    selection: StackSelection,
) -> None:
    """Send one request to an endpoint.

    The answer goes to standard output as it is. By HTTP the request is signed, or bears a token,
    as the stack asks for (its parameter Auth).

    Examples:

    \b
      lambda-serving invoke iris_onnx --example
      lambda-serving invoke filetype --data @README.md --lambda
      echo '{"x": 1}' | lambda-serving invoke churn --version 2 --data -
    """
    if example:
        if data is not None:
            raise typer.BadParameter("take --data or --example, not both")
        sample = find_sample(find_project(), endpoint, name)
        body, content_type = sample.content, content_type or sample.content_type
    elif name is not None:
        raise typer.BadParameter(f"{name!r}: a NAME goes with --example")
    else:
        body, content_type = read_body("{}" if data is None else data, content_type)
    stack = find_deployed_stack(selection)
    require_function(stack, endpoint)
    reply = ask_endpoint(stack, endpoint, version, body, content_type, by_lambda, token)
    show_reply(reply, as_json)
    if reply.is_error:
        advice = advise(stack, endpoint, reply, selection)
        raise CommandError(f"{endpoint} answered {reply.describe_error()}", advice=advice)


def read_body(data: str, content_type: str | None) -> tuple[bytes, str]:
    """The body and its content type: JSON where it is an object, else bytes, unless it is told.

    `data` is the body itself, `@file`, or `-` for standard input.

    Raises:
        typer.BadParameter: a body on the command line is no JSON, and no other type is told.
        CommandError: the file cannot be read.
    """
    if data == "-":
        body = sys.stdin.buffer.read()
    elif data.startswith("@"):
        try:  # a FIFO too
            body = Path(data[1:]).read_bytes()
        except OSError as error:
            raise CommandError(f"{Path(data[1:])}: {error.strerror}") from error
    else:
        body = data.encode()
        if content_type is None and not isinstance(parse_json(body), dict):
            raise typer.BadParameter(
                f"no JSON object: {data!r:.80}; @file sends a file, --content-type another body",
                param_hint="--data",
            )
    return body, content_type or (JSON if isinstance(parse_json(body), dict) else BYTES)


REFUSALS = {
    IAM: "the credentials must be permitted execute-api:Invoke on this API (docs/security.md)",
    JWT: "the token must be of the stack's JwtIssuer and JwtAudience, and not expired"
    " (docs/security.md)",
}
"""What to do about an HTTP API that lets a request not in."""


def advise(stack: DeployedStack, endpoint: str, reply: Reply, selection: StackSelection) -> str:
    """What shows more; errors of the endpoint have a request id, those of the API none."""
    about = reply.read()
    request = about.get("request_id") if isinstance(about, dict) else None
    if reply.status in (401, 403) and not request and stack.auth in REFUSALS:
        return REFUSALS[stack.auth]
    which = f"--request {shlex.quote(str(request))}" if request else "--errors"
    return f"see `lambda-serving logs {endpoint} {which}{selection.name_options()}`"


def show_reply(reply: Reply, as_json: bool) -> None:
    """The answer's bytes, or all about it as JSON; of an error the bytes are in its message."""
    if as_json:
        value: dict[str, Any] = {"status": reply.status, "content_type": reply.content_type}
        if reply.is_json:
            value["body"] = reply.read()
        else:
            value["base64"] = base64.b64encode(reply.body).decode()
        write_json(value)
    elif not reply.is_error:
        if sys.stdout.isatty():
            write_line(reply.body.decode(errors="backslashreplace").removesuffix("\n"))
        else:
            sys.stdout.buffer.write(reply.body)
            sys.stdout.flush()

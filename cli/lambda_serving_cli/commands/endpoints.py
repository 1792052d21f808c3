"""The commands `new`, `endpoints`, `invoke` and `validate`."""

from __future__ import annotations

import base64
import sys
from typing import Annotated, Any

import typer

from lambda_serving_cli.aws import deployed
from lambda_serving_cli.aws.deployed import Deployed, Reply
from lambda_serving_cli.aws.optional_stack import find_stack
from lambda_serving_cli.aws.target import find_target
from lambda_serving_cli.commands.invocation import read_body
from lambda_serving_cli.commands.options.where import Where, with_where
from lambda_serving_cli.project import creation
from lambda_serving_cli.project.creation import Outcome
from lambda_serving_cli.project.project import (
    check_description,
    check_engine,
    check_name,
    check_version,
    find_project,
)
from lambda_serving_cli.terminal.output import format_size, write_json, write_table
from lambda_serving_cli.terminal.steps import StepError
from lambda_serving_cli.validation.report import Report, validate_files, validate_models
from lambda_serving_cli.validation.sizes import LARGEST, FunctionSize

app = typer.Typer()

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON, for scripts, and nothing else.")
]


@app.command()
def new(
    name: Annotated[str, typer.Argument(callback=check_name, help="The endpoint's name.")],
    engine: Annotated[
        str,
        typer.Option(
            callback=check_engine,
            help="onnx, triton, sklearn, xgboost, lightgbm, custom or custom_async.",
        ),
    ],
    description: Annotated[
        str,
        typer.Option(
            callback=check_description,
            help="What the endpoint does, for whoever looks at the stack.",
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Make an endpoint to be filled in: its folder, its function in template.yaml, and a test.

    Examples:

        lambda-serving new churn --engine sklearn
        lambda-serving new thumbnail --engine custom --description "Shrinks pictures"
    """
    show_outcome(creation.scaffold(find_project(), name, engine, description), as_json)


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """What a command did, and what there is to do next."""
    if as_json:
        write_json(outcome.as_dict())
        return
    for verb, names in (("wrote", outcome.written), ("removed", outcome.removed)):
        for name in names:
            typer.echo(f"{verb:8}{name}")
    if not outcome.written and not outcome.removed:
        typer.echo("nothing to change: it is so already")
    for note in outcome.notes:
        typer.echo(f"- {note}")


@app.command("endpoints")
@with_where
def list_endpoints(
    as_json: JsonOption = False,
    *,
    where: Where,
) -> None:
    """Show what is deployed: every endpoint, its versions, who gets its traffic, and its health.

    Asking for the health loads an endpoint that no request has loaded yet. What the guard took out
    of the traffic, and what is broken, is told by the one environment that answers.

    Examples:

        lambda-serving endpoints
        lambda-serving endpoints --stack lambda-serving-prod --json
    """
    target = find_target(where)
    found = deployed.list_deployed(target)
    if as_json:
        about = {"stack": target.stack_name, "region": target.region, "local": target.local}
        write_json({**about, "endpoints": [each.as_dict() for each in found]})
        return
    typer.echo(f"{target.name}, {target.api_url or 'without an HTTP API'}")
    heads = ("endpoint", "function", "versions", "traffic", "health")
    write_table(heads, [_make_row(each) for each in found])
    lines = [line for each in found for line in _list_troubles(each)]
    if lines:
        typer.echo("\n" + "\n".join(lines))
        typer.echo("so the environment that answered; each finds out for itself")


def _list_troubles(each: Deployed) -> list[str]:
    out = [f"{each.endpoint}: {n} is out of the traffic: {w}" for n, w in each.taken_out.items()]
    return out + [f"{each.endpoint}: {name} is broken: {why}" for name, why in each.broken.items()]


def _make_row(each: Deployed) -> list[str]:
    versions = [
        f"{name} {about.get('engine', '')}{', loaded' if about.get('loaded') else ''}"
        for name, about in each.versions.items()
    ]
    traffic = [f"{name} {share * 100:.4g} %" for name, share in each.traffic.items()]
    return [each.endpoint, each.function, "\n".join(versions), "\n".join(traffic), each.health]


@app.command()
@with_where
def invoke(
    endpoint: Annotated[str, typer.Argument(callback=check_name, help="The endpoint's name.")],
    version: Annotated[
        str | None, typer.Option(help="One version, instead of who gets the traffic.")
    ] = None,
    data: Annotated[
        str, typer.Option(metavar="JSON|@FILE|-", help="The body; - reads standard input.")
    ] = "{}",
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
    as_json: JsonOption = False,
    *,
    where: Where,
) -> None:
    """Send one request to an endpoint; its answer goes to standard output as it is.

    Examples:

        lambda-serving invoke iris_onnx --data @events/invoke_iris_onnx.json
        lambda-serving invoke filetype --data @README.md --lambda
        echo '{"x": 1}' | lambda-serving invoke churn --version 2 --data -
    """
    body, content_type = read_body(data, content_type)
    version = version and check_version(version)
    target = find_target(where)
    function = deployed.require_function(target, endpoint)
    if by_lambda or target.api_url is None:
        reply = deployed.ask_lambda(target, function, version, body, content_type)
    else:
        path = f"{endpoint}/{version}" if version else endpoint
        reply = deployed.ask_http(target, path, body, content_type)
    _show_reply(reply, as_json)
    if reply.is_error:
        about = reply.read()
        request = about.get("request_id") if isinstance(about, dict) else None
        advice = f"the log group /aws/lambda/{function} has more"
        if request:
            advice += f", under the request id {request}"
        raise StepError(f"{endpoint} answered {reply.describe_error()}", advice=advice)


def _show_reply(reply: Reply, as_json: bool) -> None:
    if as_json:
        value: dict[str, Any] = {"status": reply.status, "content_type": reply.content_type}
        if reply.is_json:
            value["body"] = reply.read()
        else:
            value["base64"] = base64.b64encode(reply.body).decode()
        write_json(value)
    elif not reply.is_error:
        sys.stdout.buffer.write(reply.body)
        if sys.stdout.isatty() and not reply.body.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")
        sys.stdout.flush()


@app.command()
@with_where
def validate(
    no_models: Annotated[
        bool, typer.Option("--no-models", help="Do not look whether the models are there.")
    ] = False,
    as_json: JsonOption = False,
    *,
    where: Where,
) -> None:
    """Check all endpoints: settings, code, imports, template, built sizes, and the models.

    Models are looked for in the stack's bucket; where no stack is named and none is there yet, in
    .local/models. Imports are compared with what was built last, where it is up to date, else with
    the requirements. Ends with 1 where something is wrong.

    Examples:

        lambda-serving validate
        lambda-serving validate --no-models --json
    """
    project = find_project()
    report = validate_files(project)
    if not no_models:
        report.findings.extend(validate_models(project, find_stack(where)))
    if as_json:
        write_json(report.as_dict())
    else:
        _show_report(report)
    if report.findings:
        raise typer.Exit(1)


def _show_report(report: Report) -> None:
    if report.sizes:
        rows = [
            [
                each.endpoint,
                each.build,
                _tell_size(each),
                each.describe_parts(),
                each.describe_packages(),
            ]
            for each in report.sizes
        ]
        write_table(("endpoint", "build", "size", "parts", "heaviest packages"), rows)
        typer.echo()
    for each in report.warnings:
        typer.echo(f"Warning: {each.where}: {each.problem}")
    if report.findings:
        rows = [[each.endpoint, each.where, each.problem] for each in report.findings]
        write_table(("endpoint", "where", "what is wrong"), rows)
    else:
        typer.echo(f"{len(report.endpoints)} endpoints, and nothing wrong with them")


def _tell_size(size: FunctionSize) -> str:
    return f"{format_size(size.size)} of {format_size(LARGEST)}"

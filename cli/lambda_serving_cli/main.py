"""Models behind HTTP on AWS Lambda: endpoints, their models, the local cloud, statistics."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.commands import endpoints as endpoint_commands
from lambda_serving_cli.commands import metrics as metrics_commands
from lambda_serving_cli.commands import model_endpoints as model_commands
from lambda_serving_cli.commands.cost import cost
from lambda_serving_cli.commands.failures import DEBUG_VARIABLE, Commands
from lambda_serving_cli.commands.model import model
from lambda_serving_cli.commands.stats import stats
from lambda_serving_cli.local_cloud.build import Build
from lambda_serving_cli.local_cloud.cloud import bring_up, take_down
from lambda_serving_cli.local_cloud.layout import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Layout,
    environment_with_uv,
)
from lambda_serving_cli.project.edits import hold
from lambda_serving_cli.project.monitoring import describe_changes, update_monitoring
from lambda_serving_cli.project.project import find_project
from lambda_serving_cli.terminal.output import keep_stdout_clean, write_json
from lambda_serving_cli.terminal.steps import Steps
from lambda_serving_cli.validation.report import refuse_misfits
from lambda_serving_cli.validation.sizes import require_fit

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)
local = typer.Typer(no_args_is_help=True, help="The local cloud: this project, deployed here.")
app.add_typer(local, name="local")
app.command()(stats)
app.add_typer(endpoint_commands.app)
app.add_typer(metrics_commands.app, name="metrics")
model.add_typer(model_commands.app)
app.add_typer(model, name="model")
app.command()(cost)

State = Annotated[
    Path | None,
    typer.Option(help="Folder of this cloud's state; another one makes a cloud beside the first."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Write JSON to standard output, all else to stderr.")
]


@local.command("up")
def local_up(
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the local AWS.", show_default=str(DEFAULT_PORT), min=1, max=65535
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default=DEFAULT_HOST)
    ] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Build, start and deploy what changed, and try every endpoint.

    Examples:

        lambda-serving local up
        lambda-serving local up --port 4570 --state /tmp/second --json
    """
    layout = _find_layout(state)
    with keep_stdout_clean(as_json):
        stack = bring_up(layout, host, port)
    if as_json:
        write_json(asdict(stack))


@local.command("down")
def local_down(state: State = None, as_json: AsJson = False) -> None:
    """Stop everything that `up` started.

    Examples:

        lambda-serving local down
        lambda-serving local down --state /tmp/second
    """
    stopped = take_down(_find_layout(state))
    if as_json:
        write_json({"stopped": stopped})
    else:
        typer.echo("The local cloud is down." if stopped else "No local cloud was running.")


@app.command()
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
            help="Write the record of each request, errors too, to standard output as a line of "
            "JSON, all else to stderr.",
        ),
    ] = False,
) -> None:
    """Serve all endpoints in one process, at once: no build, no emulator.

    Examples:

        lambda-serving dev
        lambda-serving dev --port 8080 --models s3://my-models
    """
    from lambda_serving_cli.dev_server.serving import serve

    serve(functions, models, host, port, reload, as_json)


@app.command()
def build(
    architecture: Annotated[
        str, typer.Option(help="x86_64 or arm64, as the template's parameter.")
    ] = "x86_64",
    as_json: AsJson = False,
) -> None:
    """Run `sam build` for AWS; `sam deploy` then takes it from .aws-sam.

    Examples:

        lambda-serving build
        lambda-serving build --architecture arm64
    """
    project = find_project()
    root = project.root
    output = root / ".aws-sam"
    output.mkdir(exist_ok=True)
    plan = Build(
        root=root,
        target=output / "build",
        cache=output / "cache",
        stamp=output / "build.stamp",
        architecture=architecture,
    )
    with (
        keep_stdout_clean(as_json),
        Steps(1).step("sam build: functions and layers") as step,
        hold(output / "build.lock"),
    ):
        update_monitoring(root)
        refuse_misfits(project)
        built = plan.run(output / "build.log", environment_with_uv())
        largest = require_fit(project, plan.target)
        step.outcome = f"{f'in {plan.target}' if built else 'unchanged'}, {largest}"
    if as_json:
        write_json({"built": built, "folder": str(plan.target)})


@app.command()
def monitoring(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; tell what would, and exit with 1.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write dashboard and alarms into template.yaml, from functions/*/endpoint.toml.

    Examples:

        lambda-serving monitoring
        lambda-serving monitoring --check
    """
    root = _find_layout(None).root
    changes = describe_changes(root)
    if not check:
        update_monitoring(root)
    if as_json:
        write_json({"changes": changes.splitlines(), "written": bool(changes) and not check})
    elif check:
        typer.echo(changes, nl=False)
    else:
        typer.echo("monitoring.yaml: written" if changes else "monitoring.yaml: unchanged")
    if check and changes:
        raise typer.Exit(1)


def _find_layout(state: Path | None) -> Layout:
    root = find_project().root
    return Layout(root, (state or root / ".local").resolve())


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"lambda-serving {version('lambda-serving')}")
        raise typer.Exit


@app.callback(help=__doc__)
def main(
    is_asked: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar=DEBUG_VARIABLE, help="Show the traceback of an error."),
    ] = False,
) -> None:
    """What goes before every command."""

"""The command `lambda-serving`."""

from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.cost.command import cost
from lambda_serving_cli.endpoints import commands as endpoint_commands
from lambda_serving_cli.endpoints import metrics_commands, model_commands
from lambda_serving_cli.local_cloud.build import Build
from lambda_serving_cli.local_cloud.cloud import bring_up, take_down
from lambda_serving_cli.local_cloud.layout import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Layout,
    environment_with_uv,
    find_root,
)
from lambda_serving_cli.local_cloud.steps import StepError, Steps, report_failure
from lambda_serving_cli.models_command import model
from lambda_serving_cli.monitoring.block import describe_changes, update_template
from lambda_serving_cli.stats.command import stats

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
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


@local.command("up")
def local_up(
    port: Annotated[
        int | None, typer.Option(help="Port of the local AWS.", show_default=str(DEFAULT_PORT))
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default=DEFAULT_HOST)
    ] = None,
    state: State = None,
) -> None:
    """Build, start and deploy what changed, and try every endpoint."""
    layout = _find_layout(state)
    try:
        bring_up(layout, host, port)
    except StepError as error:
        report_failure(error)
        raise typer.Exit(1) from error


@local.command("down")
def local_down(state: State = None) -> None:
    """Stop everything that `up` started."""
    try:
        stopped = take_down(_find_layout(state))
    except StepError as error:
        report_failure(error)
        raise typer.Exit(1) from error
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
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    reload: Annotated[bool, typer.Option(help="Start anew when a .py or .toml is saved.")] = True,
) -> None:
    """Serve all endpoints in one process, at once: no build, no emulator."""
    from lambda_serving_cli.dev_server.command import serve

    try:
        serve(functions, models, host, port, reload)
    except StepError as error:
        report_failure(error)
        raise typer.Exit(1) from error


@app.command()
def build(
    architecture: Annotated[
        str, typer.Option(help="x86_64 or arm64, as the template's parameter.")
    ] = "x86_64",
) -> None:
    """Run `sam build` for AWS; `sam deploy` then takes it from .aws-sam."""
    root = _find_layout(None).root
    output = root / ".aws-sam"
    output.mkdir(exist_ok=True)
    plan = Build(
        root=root,
        target=output / "build",
        cache=output / "cache",
        stamp=output / "build.stamp",
        architecture=architecture,
    )
    try:
        with Steps(1).step("sam build: functions and layers") as step:
            update_template(root)
            built = plan.run(output / "build.log", environment_with_uv())
            step.outcome = f"in {plan.target}" if built else "unchanged"
    except StepError as error:
        report_failure(error)
        raise typer.Exit(1) from error


@app.command()
def monitoring(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; tell what would, and exit with 1.")
    ] = False,
) -> None:
    """Write dashboard and alarms into template.yaml, from functions/*/endpoint.toml."""
    root = _find_layout(None).root
    try:
        if not check:
            changed = update_template(root)
            typer.echo("template.yaml: rewritten" if changed else "template.yaml: unchanged")
        elif changes := describe_changes(root):
            typer.echo(changes, nl=False)
            raise typer.Exit(1)
    except StepError as error:
        report_failure(error)
        raise typer.Exit(1) from error


def _find_layout(state: Path | None) -> Layout:
    try:
        root = find_root(Path.cwd())
    except FileNotFoundError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    return Layout(root, (state or root / ".local").resolve())

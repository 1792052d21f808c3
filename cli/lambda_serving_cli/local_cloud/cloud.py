"""The way up and the way down of a local cloud."""

import os
from pathlib import Path

import typer

from lambda_serving_cli.local_cloud import ministack, publish, smoke
from lambda_serving_cli.local_cloud.build import plan_build
from lambda_serving_cli.local_cloud.deploy import deploy, describe
from lambda_serving_cli.local_cloud.layout import (
    CREDENTIAL,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Layout,
    Stack,
    aws_environment,
    environment_with_uv,
    find_tool,
)
from lambda_serving_cli.local_cloud.lock import lock
from lambda_serving_cli.local_cloud.ministack import Process
from lambda_serving_cli.local_cloud.routes import allow_plain_http, reconcile_routes
from lambda_serving_cli.project.monitoring import update_monitoring
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.output import remark
from lambda_serving_cli.terminal.steps import StepError, Steps
from lambda_serving_cli.validation.report import list_doubts, refuse_misfits
from lambda_serving_cli.validation.sizes import require_fit

STEPS = 8


def bring_up(layout: Layout, host: str | None, port: int | None) -> Stack:
    """Bring the cloud up to the project as it stands; what did not change is left alone.

    Raises:
        StepError: a step failed. What runs by then keeps running, for a look at it. Or another
            process brings it up right now.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with lock(layout.lock_file):
            return _bring_up(layout, host, port)
    except (BotoCoreError, ClientError) as error:
        advice = "`make down`, then `make up` begins anew"
        raise StepError(str(error), log=layout.log("ministack"), advice=advice) from error


def _bring_up(layout: Layout, host: str | None, port: int | None) -> Stack:
    steps = Steps(STEPS)
    process = _run_ministack(layout, steps, host, port)
    # From here on AWS is the local cloud, for this process and those it starts.
    environment = aws_environment(process.url)
    os.environ.clear()
    os.environ.update(environment)
    with steps.step("example models"):
        publish.prepare(layout, environment)
    build, project = plan_build(layout), Project(layout.root)
    with steps.step("sam build: functions and layers") as step:
        update_monitoring(layout.root)
        refuse_misfits(project)
        built = build.run(layout.log("build"), environment_with_uv())
        step.outcome = f"{'built' if built else 'unchanged'}, {require_fit(project, build.target)}"
    for doubt in list_doubts(project, build.target):
        remark(f"Warning: {doubt.endpoint}, {doubt.where}: {doubt.problem}")
    with steps.step("sam deploy to the local cloud") as step:
        deployed = deploy(layout, build, process, environment)
        step.outcome = "deployed" if deployed else "unchanged"
    with steps.step("HTTP routes") as step:
        changes = reconcile_routes()
        step.outcome = f"{changes} changed" if changes else "unchanged"
    stack = describe(process)
    with steps.step("models into the bucket") as step:
        allow_plain_http(stack.model_bucket)
        uploaded = publish.publish(layout.models, stack.model_bucket)
        step.outcome = f"{len(uploaded)} uploaded" if uploaded else "unchanged"
    stack.write(layout)
    with steps.step("one request to every endpoint"):
        exchanges = {
            endpoint: smoke.try_endpoint(layout, stack, endpoint) for endpoint in stack.functions
        }
    _show(exchanges)
    _show_next(layout, stack)
    return stack


def take_down(layout: Layout) -> bool:
    """Stop all that was started and forget it. Returns whether anything ran."""
    layout.stack_file.unlink(missing_ok=True)
    layout.sam_local_file.unlink(missing_ok=True)
    return ministack.stop(layout)


def _run_ministack(layout: Layout, steps: Steps, host: str | None, port: int | None) -> Process:
    with steps.step("ministack, which plays AWS") as step:
        step.outcome = "installed" if ministack.install(layout) else "unchanged"
    with steps.step("start the local cloud") as step:
        process = ministack.find(layout)
        if process and (host or process.host, port or process.port) != (process.host, process.port):
            raise StepError(
                f"this local cloud runs already, at {process.url}",
                advice="`make down` first, or leave the address as it is",
            )
        if process and ministack.is_ready(process):
            step.outcome = f"runs already at {process.url}"
            return process
        # One that is alive and does not answer goes.
        take_down(layout)
        try:
            process = ministack.start(layout, host or DEFAULT_HOST, port or DEFAULT_PORT)
        except BaseException:
            take_down(layout)
            raise
        step.outcome = f"runs at {process.url}"
        return process


def _show(exchanges: dict[str, list[smoke.Exchange]]) -> None:
    for endpoint, pairs in exchanges.items():
        typer.echo(f"\n{endpoint}")
        for pair in pairs:
            typer.echo(f"  > {pair.request}  {pair.body}")
            typer.echo(f"  < {pair.answer} ({pair.milliseconds} ms)")


def _show_next(layout: Layout, stack: Stack) -> None:
    credentials = f"AWS_ACCESS_KEY_ID={CREDENTIAL} AWS_SECRET_ACCESS_KEY={CREDENTIAL}"
    typer.echo(f"\nThe local cloud is up; {layout.stack_file} says how to reach it. Try next:")
    if "filetype" in stack.functions:
        typer.echo(f"  curl --data-binary @README.md {stack.api_url}/serve/filetype")
    if "iris_onnx" in stack.functions:
        typer.echo(
            f"  {credentials} aws lambda invoke --endpoint-url {stack.aws_endpoint_url} \\\n"
            f"    --region {stack.region} --function-name {stack.functions['iris_onnx']} \\\n"
            "    --payload fileb://events/invoke_iris_onnx.json /dev/stdout    # needs the AWS CLI"
        )
        typer.echo(
            f"  {credentials} {_find_sam(layout)} local invoke IrisOnnx --config-env local \\\n"
            "    --event events/invoke_iris_onnx.json    # needs Docker"
        )
    typer.echo("  make test    # the whole test suite, on a local cloud of its own")
    typer.echo("  make down    # stop all this")


def _find_sam(layout: Layout) -> str:
    """`sam` as it is called from the project's folder."""
    sam = Path(find_tool("sam"))
    return str(sam.relative_to(layout.root) if sam.is_relative_to(layout.root) else sam)

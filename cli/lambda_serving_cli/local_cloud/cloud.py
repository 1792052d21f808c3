"""The way up and the way down of a local cloud."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lambda_serving_cli.aws.local_stack import LocalStack
from lambda_serving_cli.aws.stack import open_local_stack
from lambda_serving_cli.local_cloud import ministack, publish, smoke
from lambda_serving_cli.local_cloud.build import BUILD_STEP, plan_build, run_build
from lambda_serving_cli.local_cloud.callers import find_callers
from lambda_serving_cli.local_cloud.deploy import deploy, describe
from lambda_serving_cli.local_cloud.layout import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Layout,
    aws_environment,
)
from lambda_serving_cli.local_cloud.lock import lock
from lambda_serving_cli.local_cloud.ministack import Process
from lambda_serving_cli.local_cloud.routes import allow_plain_http, reconcile_routes
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark
from lambda_serving_cli.terminal.steps import Steps
from lambda_serving_cli.validation.report import list_doubts

STEPS = 8


@dataclass(frozen=True)
class Running:
    """A local cloud that is up, and what each endpoint answered."""

    stack: LocalStack
    exchanges: Mapping[str, Sequence[smoke.Exchange]]


def bring_up(layout: Layout, host: str | None, port: int | None, auth: str) -> Running:
    """Bring the cloud up to the project as it stands; what did not change is left alone.

    `auth` is the template's parameter: who may call.

    Raises:
        CommandError: a step failed. What runs by then keeps running, for a look at it. Or another
            process brings it up right now.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with lock(layout.lock_file):
            return _bring_up(layout, host, port, auth)
    except (BotoCoreError, ClientError) as error:
        advice = "`make down`, then `make up` begins anew"
        raise CommandError(str(error), log=layout.log("ministack"), advice=advice) from error


def _bring_up(layout: Layout, host: str | None, port: int | None, auth: str) -> Running:
    steps = Steps(STEPS)
    process = _run_ministack(layout, steps, host, port)
    # From here on AWS is the local cloud, for this process and those it starts.
    environment = aws_environment(process.url)
    os.environ.clear()
    os.environ.update(environment)
    with steps.step("example models"):
        publish.prepare(layout, environment)
    build, project = plan_build(layout), Project(layout.root)
    with steps.step(BUILD_STEP) as step:
        is_new, largest = run_build(project, build, layout.log("build"))
        step.outcome = f"{'built' if is_new else 'unchanged'}, {largest}"
    for doubt in list_doubts(project, build.target):
        remark(f"Warning: {doubt.endpoint}, {doubt.where}: {doubt.problem}")
    with steps.step("sam deploy to the local cloud") as step:
        callers = find_callers(auth)
        deployed = deploy(layout, build, process, callers, environment)
        step.outcome = "deployed" if deployed else "unchanged"
    with steps.step("HTTP routes") as step:
        changes = reconcile_routes()
        step.outcome = f"{changes} changed" if changes else "unchanged"
    stack = describe(process, callers)
    with steps.step("models into the bucket") as step:
        allow_plain_http(stack.model_bucket)
        count = publish.publish(layout.models, stack.model_bucket)
        step.outcome = f"{count} uploaded" if count else "unchanged"
    stack.write(layout.state)
    with steps.step("one request to every endpoint"):
        access = open_local_stack(stack).find_access()
        exchanges = {
            endpoint: smoke.try_endpoint(layout, stack, access, endpoint)
            for endpoint in stack.functions
        }
    return Running(stack, exchanges)


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
            raise CommandError(
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

"""The way up and the way down of a local cloud."""

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from lambda_serving_cli.aws.authorization import NONE
from lambda_serving_cli.aws.local_stack import LocalStack
from lambda_serving_cli.aws.stack import open_local_stack
from lambda_serving_cli.local_cloud import ministack, publish, smoke
from lambda_serving_cli.local_cloud.bucket import keep_bucket
from lambda_serving_cli.local_cloud.build import BUILD_STEP, Build, plan_build, run_build
from lambda_serving_cli.local_cloud.callers import Callers, find_callers
from lambda_serving_cli.local_cloud.deploy import deploy, describe
from lambda_serving_cli.local_cloud.layout import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Layout,
    aws_environment,
)
from lambda_serving_cli.local_cloud.lock import lock
from lambda_serving_cli.local_cloud.ministack import Process
from lambda_serving_cli.local_cloud.record import Record
from lambda_serving_cli.local_cloud.routes import allow_plain_http, reconcile_routes
from lambda_serving_cli.local_cloud.settings import Settings, read_settings
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark
from lambda_serving_cli.terminal.steps import Steps
from lambda_serving_cli.validation.report import list_doubts

STEPS = 8


@dataclass(frozen=True)
class Wish:
    """What `up` was asked for. What is left out stays as it was at the last `up`."""

    host: str | None = None
    port: int | None = None
    auth: str | None = None
    """The template's parameter: who may call."""
    endpoints: Collection[str] = ()
    """Nothing but these, as far as that can be."""


@dataclass(frozen=True)
class Running:
    """A local cloud that is up, and what each endpoint that was tried answered."""

    stack: LocalStack
    exchanges: Mapping[str, Sequence[smoke.Exchange]]


def bring_up(layout: Layout, wish: Wish) -> Running:
    """Bring the cloud up to the project as it stands; what did not change is left alone.

    Raises:
        CommandError: a step failed, or an endpoint. What runs by then keeps running, for a look at
            it. Or another process brings it up right now.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    project = Project(layout.root)
    for endpoint in wish.endpoints:
        project.require(endpoint)
    try:
        with lock(layout.lock_file):
            return _bring_up(layout, project, wish)
    except (BotoCoreError, ClientError) as error:
        advice = "`make down`, then `make up` begins anew"
        raise CommandError(str(error), log=layout.log("ministack"), advice=advice) from error


def _bring_up(layout: Layout, project: Project, wish: Wish) -> Running:
    steps, before = Steps(STEPS), read_settings(layout)
    process = _run_ministack(layout, steps, wish.host, wish.port)
    # From here on AWS is the local cloud, for this process and those it starts.
    environment = aws_environment(process.url)
    os.environ.clear()
    os.environ.update(environment)
    with steps.step("example models"):
        publish.prepare(layout, environment)
    build = plan_build(layout)
    with steps.step(BUILD_STEP) as step:
        built, largest = run_build(project, build, layout.log("build"), wish.endpoints or None)
        step.outcome = f"{built.describe('built')}, {largest}"
    for doubt in list_doubts(project, build.target):
        remark(f"Warning: {doubt.endpoint}, {doubt.where}: {doubt.problem}")
    callers = find_callers(wish.auth or before.auth or NONE)
    record = _deploy(layout, steps, build, process, callers)
    stack = describe(process, callers)
    Settings(process.host, process.port, callers.auth, stack.model_bucket).write(layout)
    with steps.step("models into the bucket") as step:
        allow_plain_http(stack.model_bucket)
        count = publish.publish(layout.models, stack.model_bucket)
        step.outcome = f"{count} uploaded" if count else "unchanged"
    stack.write(layout.state)
    with steps.step("a request to each endpoint") as step:
        wanted = _choose(build, stack, record, wish.endpoints)
        access = open_local_stack(stack).find_access()
        exchanges, failures = smoke.try_endpoints(layout.root, stack, access, wanted)
        answered = {name: wanted[name] for name, each in exchanges.items() if has_model(each)}
        _remember(layout, record, wanted, answered)
        left = len(stack.functions) - len(wanted)
        rest = "not asked for" if wish.endpoints else "unchanged since they answered"
        step.outcome = f"{len(exchanges)} answered"
        step.outcome += f", {len(failures)} failed" if failures else ""
        step.outcome += f", {left} {rest}" if left else ""
    if failures:
        raise smoke.report_failures(layout, failures, len(wanted))
    return Running(stack, exchanges)


def _deploy(
    layout: Layout, steps: Steps, build: Build, process: Process, callers: Callers
) -> Record:
    with steps.step("sam deploy to the local cloud") as step:
        changes, record = deploy(layout, build, process, callers, os.environ)
        step.outcome = changes.describe("deployed" if changes.everything else "updated")
    with steps.step("HTTP routes") as step:
        routes = 0 if record.has_routes else reconcile_routes()
        step.outcome = f"{routes} changed" if routes else "unchanged"
    return replace(record, has_routes=True)


def has_model(exchanges: Sequence[smoke.Exchange]) -> bool:
    """Whether an endpoint answered with its model, and need not be tried again."""
    return not any(exchange.is_without_model for exchange in exchanges)


def _choose(
    build: Build, stack: LocalStack, record: Record, endpoints: Collection[str]
) -> dict[str, str]:
    """What is tried: what was named, or whatever has not answered yet as it is now.

    Gives the hash of each, by which it is remembered.
    """
    missing = [name for name in endpoints if name not in stack.functions]
    if missing:
        raise CommandError(f"template.yaml has no function of {', '.join(missing)}")
    functions = build.built.functions if build.built else {}
    hashes = {name: functions.get(name, "") for name in endpoints or stack.functions}
    if endpoints:
        return hashes
    return {name: each for name, each in hashes.items() if record.answered.get(name) != each}


def _remember(
    layout: Layout, record: Record, tried: Collection[str], answered: Mapping[str, str]
) -> None:
    kept = {name: each for name, each in record.answered.items() if name not in tried}
    replace(record, answered={**kept, **answered}).write(layout.record_file)


def take_down(layout: Layout) -> bool:
    """Stop all that was started; models and settings stay. Returns whether anything ran."""
    steps = Steps(2)
    with steps.step("stop the functions and the local AWS") as step:
        stopped = _stop(layout)
        step.outcome = "stopped" if stopped else "nothing ran"
    with steps.step("remove what they left"):
        _sweep(layout)
    return stopped


def _stop(layout: Layout) -> bool:
    layout.stack_file.unlink(missing_ok=True)
    layout.sam_local_file.unlink(missing_ok=True)
    return ministack.stop(layout)


def _sweep(layout: Layout) -> None:
    ministack.remove_leftovers(layout)
    keep_bucket(layout)


def clean(layout: Layout) -> None:
    """Forget what `take_down` left."""
    shutil.rmtree(layout.objects, ignore_errors=True)
    layout.settings_file.unlink(missing_ok=True)
    layout.record_file.unlink(missing_ok=True)


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
        _stop(layout)
        _sweep(layout)
        try:
            known = read_settings(layout)
            process = ministack.start(
                layout, host or known.host or DEFAULT_HOST, port or known.port or DEFAULT_PORT
            )
        except BaseException:
            _stop(layout)
            _sweep(layout)
            raise
        step.outcome = f"runs at {process.url}"
        return process

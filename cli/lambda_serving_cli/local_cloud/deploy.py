"""Deploy to the local cloud: by `sam deploy`, or the code of functions alone."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from lambda_serving_cli.aws.local_stack import REGION, STACK_NAME, LocalStack
from lambda_serving_cli.local_cloud.bucket import adopt_bucket
from lambda_serving_cli.local_cloud.build import Build, Changes
from lambda_serving_cli.local_cloud.callers import Callers
from lambda_serving_cli.local_cloud.functions import find_targets
from lambda_serving_cli.local_cloud.layers import pack_layers
from lambda_serving_cli.local_cloud.layout import Layout, find_tool
from lambda_serving_cli.local_cloud.ministack import Process
from lambda_serving_cli.local_cloud.record import Record, read_record
from lambda_serving_cli.local_cloud.update import update_functions
from lambda_serving_cli.terminal.steps import run_logged

ADVICE = "read the log; if the stack is stuck, `make down` and `make up` begin anew"

TAGS = f"ms-custom-id={STACK_NAME}"
"""Of the stack, and so of its HTTP API: ministack takes that one for the API's id, which is in its
URL. Any other would be drawn anew at each start."""


def name_cloud(process: Process, parameters: list[str]) -> str:
    """This process of ministack, and what the stack is deployed with."""
    return " ".join([str(process.pid), process.birth, *parameters])


def deploy(
    layout: Layout,
    build: Build,
    process: Process,
    callers: Callers,
    environment: Mapping[str, str],
) -> tuple[Changes, Record]:
    """Deploy what this very cloud does not run yet. Returns what that was, and what runs now.

    Raises:
        CommandError: `sam deploy` failed.
    """
    # Ministack knows no alarms on metric math.
    parameters = [*callers.parameters, "Alarms=plain"]
    record = read_record(layout.record_file, name_cloud(process, parameters))
    built = build.built
    assert built is not None, "it has just been built"
    changed = built.find_changes(record.build)
    if changed is None:
        replace(record, build=None).write(layout.record_file)
        _run_sam(layout, build, parameters, environment)
        # The stack leaves a function as it is whose template has not changed since its last
        # deploy, though its code was updated past it.
        functions = _find_functions(build, built.functions)
        again = {name: path for name, path in functions.items() if name in record.direct}
        record = Record(record.cloud, built, update_functions(again, record.direct))
    elif changed:
        record.doubt(changed).write(layout.record_file)
        made = update_functions(_find_functions(build, changed), record.direct)
        record = replace(record, build=built, direct={**record.direct, **made})
    record.write(layout.record_file)
    return Changes(changed is None, tuple(changed or ())), record


def _run_sam(
    layout: Layout, build: Build, parameters: list[str], environment: Mapping[str, str]
) -> None:
    adopt_bucket(layout)
    # SAM looks for its settings beside the template.
    command = [find_tool("sam"), "deploy", "--config-file", str(layout.root / "samconfig.toml")]
    command += ["--config-env", "local", "--no-progressbar", "--tags", TAGS]
    command += ["--stack-name", STACK_NAME, "--region", REGION]
    command += ["--template-file", str(pack_layers(build.target, layout.layers))]
    command += [*(build.overrides or ["--parameter-overrides"]), *parameters]
    run_logged(command, layout.log("deploy"), cwd=layout.root, env=environment, advice=ADVICE)


def _find_functions(build: Build, folders: Collection[str]) -> dict[str, Path]:
    """Function -> its built folder."""
    names = {logical: name for logical, (_, name) in list_resources().items()}
    targets = find_targets(build.root, build.target, folders)
    return {names[target.name]: target.built for target in targets}


def describe(process: Process, callers: Callers) -> LocalStack:
    """Read the deployed stack: its API, its bucket, its functions."""
    resources = list_resources()
    (api_id,) = (name for kind, name in resources.values() if kind == "AWS::ApiGatewayV2::Api")
    functions = [name for kind, name in resources.values() if kind == "AWS::Lambda::Function"]
    prefix = f"{STACK_NAME}-"
    return LocalStack(
        # Ministack serves the stage $default without naming it, so that nothing in the URL
        # means something to a shell.
        api_url=f"{process.url}/_aws/execute-api/{api_id}",
        aws_endpoint_url=process.url,
        region=REGION,
        stack_name=STACK_NAME,
        model_bucket=resources["ModelBucket"][1],
        functions={
            name.removeprefix(prefix): name for name in sorted(functions) if name.startswith(prefix)
        },
        auth=callers.auth,
        token_client=callers.token_client,
    )


def list_resources() -> dict[str, tuple[str, str]]:
    """Logical id -> (type, physical id) of the stack's resources."""
    import boto3

    pages = boto3.client("cloudformation").get_paginator("list_stack_resources")
    return {
        resource["LogicalResourceId"]: (
            resource["ResourceType"],
            resource.get("PhysicalResourceId", ""),
        )
        for page in pages.paginate(StackName=STACK_NAME)
        for resource in page["StackResourceSummaries"]
    }

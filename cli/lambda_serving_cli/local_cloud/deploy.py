"""`sam deploy` to the local cloud, and what the stack then says of itself."""

from collections.abc import Mapping

from lambda_serving_cli.aws.local_stack import REGION, STACK_NAME, LocalStack
from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.local_cloud.build import Build, read
from lambda_serving_cli.local_cloud.callers import Callers
from lambda_serving_cli.local_cloud.layers import pack_layers
from lambda_serving_cli.local_cloud.layout import Layout, find_tool
from lambda_serving_cli.local_cloud.ministack import Process
from lambda_serving_cli.terminal.steps import run_logged

ADVICE = "read the log; if the stack is stuck, `make down` and `make up` begin anew"


def deploy(
    layout: Layout,
    build: Build,
    process: Process,
    callers: Callers,
    environment: Mapping[str, str],
) -> bool:
    """Deploy unless this very cloud has this very build. Returns whether it did.

    Raises:
        CommandError: `sam deploy` failed.
    """
    # Ministack knows no alarms on metric math.
    parameters = [*callers.parameters, "Alarms=plain"]
    stamp = layout.stamp("deploy")
    wanted = " ".join([read(build.stamp), str(process.pid), process.birth, *parameters])
    if read(stamp) == wanted:
        return False
    stamp.unlink(missing_ok=True)
    # SAM looks for its settings beside the template.
    command = [find_tool("sam"), "deploy", "--config-file", str(layout.root / "samconfig.toml")]
    command += ["--config-env", "local", "--no-progressbar"]
    command += ["--stack-name", STACK_NAME, "--region", REGION]
    command += ["--template-file", str(pack_layers(build.target, layout.layers))]
    command += [*(build.overrides or ["--parameter-overrides"]), *parameters]
    run_logged(command, layout.log("deploy"), cwd=layout.root, env=environment, advice=ADVICE)
    write_atomically(stamp, wanted)
    return True


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

"""`sam deploy` to the local cloud, and what the stack then says of itself."""

from collections.abc import Mapping

from lambda_serving_cli.aws.local_stack import REGION, STACK_NAME, LocalStack
from lambda_serving_cli.aws.stack import Stack
from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.local_cloud.build import Build, read
from lambda_serving_cli.local_cloud.layers import pack_layers
from lambda_serving_cli.local_cloud.layout import Layout, find_tool
from lambda_serving_cli.local_cloud.ministack import Process
from lambda_serving_cli.terminal.steps import run_logged

ADVICE = "read the log; if the stack is stuck, `make down` and `make up` begin anew"


def deploy(layout: Layout, build: Build, process: Process, environment: Mapping[str, str]) -> bool:
    """Deploy unless this very cloud has this very build. Returns whether it did.

    Raises:
        CommandError: `sam deploy` failed.
    """
    stamp, wanted = layout.stamp("deploy"), f"{read(build.stamp)} {process.pid} {process.birth}"
    if read(stamp) == wanted:
        return False
    stamp.unlink(missing_ok=True)
    # SAM looks for its settings beside the template.
    command = [find_tool("sam"), "deploy", "--config-file", str(layout.root / "samconfig.toml")]
    command += ["--config-env", "local", "--no-progressbar"]
    command += ["--stack-name", STACK_NAME, "--region", REGION]
    command += ["--template-file", str(pack_layers(build.target, layout.layers))]
    # Ministack knows no alarms on metric math.
    command += [*(build.overrides or ["--parameter-overrides"]), "Alarms=plain"]
    run_logged(command, layout.log("deploy"), cwd=layout.root, env=environment, advice=ADVICE)
    write_atomically(stamp, wanted)
    return True


def describe(stack: Stack) -> LocalStack:
    """Read the deployed stack: its API, its bucket, its functions."""
    resources = stack.list_resources()
    (api_id,) = (name for kind, name in resources.values() if kind == "AWS::ApiGatewayV2::Api")
    url = str(stack.endpoint_url)
    return LocalStack(
        # Ministack serves the stage $default without naming it, so that nothing in the URL
        # means something to a shell.
        api_url=f"{url}/_aws/execute-api/{api_id}",
        aws_endpoint_url=url,
        region=stack.region,
        stack_name=stack.stack_name,
        model_bucket=resources["ModelBucket"][1],
        functions=stack.list_functions(),
    )

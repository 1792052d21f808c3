"""The command `endpoints`."""

from collections.abc import Iterator

from lambda_serving_cli.aws.endpoints import DeployedEndpoint, list_deployed
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import find_deployed_stack
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.commands.options.token import TokenOption
from lambda_serving_cli.terminal.output import write_json, write_line, write_text
from lambda_serving_cli.terminal.tables import Cell, write_table


@with_stack_options
def endpoints(
    token: TokenOption = None, as_json: JsonOption = False, *, selection: StackSelection
) -> None:
    """Show the deployed endpoints.

    It shows the versions of each, who gets its traffic, and its health. Asking for the health
    loads an endpoint that no request has loaded yet. Where the HTTP API lets nobody in, the
    functions are asked directly. What the circuit breaker took out of the traffic, and what is
    broken, is told by the one environment that answers.

    Examples:

    \b
      lambda-serving endpoints
      lambda-serving endpoints --stack lambda-serving-prod --json
    """
    stack = find_deployed_stack(selection)
    found = list_deployed(stack, token)
    if as_json:
        about = {"stack": stack.stack_name, "region": stack.region, "local": stack.local}
        write_json({**about, "endpoints": found})
        return
    write_text(f"{stack.name}, {stack.api_url or 'without an HTTP API'}")
    heads = ("endpoint", "function", "versions", "traffic", "health")
    write_table(heads, [make_row(each) for each in found])
    troubles = [line for each in found for line in list_troubles(each)]
    if troubles:
        write_line()
        for line in troubles:
            write_text(line)
        write_text("so the environment that answered; each finds out for itself")


def list_troubles(each: DeployedEndpoint) -> Iterator[str]:
    for name, why in each.taken_out.items():
        yield f"{each.endpoint}: {name} is out of the traffic: {why}"
    for name, why in each.broken.items():
        yield f"{each.endpoint}: {name} is broken: {why}"


def make_row(each: DeployedEndpoint) -> list[Cell]:
    versions = [
        f"{name} {about.get('engine', '')}{', loaded' if about.get('loaded') else ''}"
        for name, about in each.versions.items()
    ]
    traffic = [f"{name} {share * 100:.4g} %" for name, share in each.traffic.items()]
    return [each.endpoint, each.function, versions, traffic, each.health]

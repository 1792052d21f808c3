"""The command `endpoints`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.aws.endpoints import THREADS, DeployedEndpoint, list_deployed
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import DeployedStack, find_deployed_stack
from lambda_serving_cli.aws.troubles import NO_MODEL, Trouble
from lambda_serving_cli.commands.options.output import JsonOption
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.commands.options.token import TokenOption
from lambda_serving_cli.files.root import find_root_or_cwd
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import write_json, write_line, write_text
from lambda_serving_cli.terminal.tables import Cell, write_table
from lambda_serving_cli.validation.models import list_missing


@with_stack_options
def endpoints(
    token: TokenOption = None, as_json: JsonOption = False, *, selection: StackSelection
) -> None:
    """Show the deployed endpoints.

    It shows the versions of each, who gets its traffic, and what is wrong: no answer, throttled, no
    model, a version that is broken or that the circuit breaker took out of the traffic. Asking
    loads an endpoint that no request has loaded yet. Where the HTTP API lets nobody in, the
    functions are asked directly.

    Examples:

    \b
      lambda-serving endpoints
      lambda-serving endpoints --stack lambda-serving-prod --json
    """
    stack = find_deployed_stack(selection)
    found = add_models(stack, list_deployed(stack, token))
    if as_json:
        about = {"stack": stack.stack_name, "region": stack.region, "local": stack.local}
        write_json({**about, "endpoints": found})
        return
    write_text(f"{stack.name}, {stack.api_url or 'without an HTTP API'}")
    heads = ("endpoint", "versions", "traffic", "health")
    write_table(heads, [make_row(each) for each in found])
    if not any(each.troubles for each in found):
        return
    write_line()
    for each in found:
        for trouble in each.troubles:
            write_text(f"{each.endpoint}, {trouble.label}: {trouble.why}")
    if any(each.taken_out or each.broken for each in found):
        write_text("Of versions the environment that answered tells: each finds out for itself.")
    names = [each.endpoint for each in found if each.troubles]
    name = f" {names[0]}" if len(names) == 1 else ""
    write_text(f"See `lambda-serving logs{name} --errors{selection.name_options()}`")


def add_models(stack: DeployedStack, found: list[DeployedEndpoint]) -> list[DeployedEndpoint]:
    """Look for the models of versions that are not loaded, as far as this project has them."""
    project = Project(find_root_or_cwd())
    client = stack.client("s3")

    def look(each: DeployedEndpoint) -> DeployedEndpoint:
        loaded = {name for name, about in each.versions.items() if about.get("loaded")}
        try:
            settings = read_endpoint(project.folder(each.endpoint))
            with tell_aws_errors():
                missing = list(list_missing(client, stack.bucket, settings, loaded))
        except (SettingsError, OSError, RecursionError, CommandError):
            return each
        told = [one for one in each.others if not (missing and one.kind == NO_MODEL)]
        told += [Trouble(NO_MODEL, version, why) for version, why in missing]
        return replace(each, others=tuple(told))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(look, found))


def make_row(each: DeployedEndpoint) -> list[Cell]:
    versions = [
        f"{name} {about.get('engine', '')}{', loaded' if about.get('loaded') else ''}"
        for name, about in each.versions.items()
    ]
    traffic = [f"{name} {share * 100:.4g} %" for name, share in each.traffic.items()]
    return [each.endpoint, versions, traffic, [one.label for one in each.troubles] or each.health]

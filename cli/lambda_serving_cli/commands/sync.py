"""The command `sync`."""

from pathlib import Path
from typing import Annotated

import typer

from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import DeployedStack, find_deployed_stack
from lambda_serving_cli.commands.local import find_layout, show_exchanges
from lambda_serving_cli.commands.options.stack import with_stack_options
from lambda_serving_cli.local_cloud.cloud import Wish, bring_up
from lambda_serving_cli.local_cloud.sam_sync import list_drift, sync_functions
from lambda_serving_cli.project.project import Project, find_project
from lambda_serving_cli.terminal.errors import CommandError, show_error
from lambda_serving_cli.terminal.output import remark, write_line

WARNING = (
    "sync is for stacks of development: it changes the code at once, without the steps and the"
    " alarms of a deploy, and past CloudFormation, which does not know of it."
)

LOOK = 200
"""Milliseconds after which the watcher comes back without news."""


@with_stack_options
def sync(
    endpoints: Annotated[list[str], typer.Argument(help="Whose code to send.")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Again at each save, until Ctrl-C.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send it to a stack in AWS unasked.")] = False,
    *,
    selection: StackSelection,
) -> None:
    """Send the code of endpoints to the stack, in seconds and without a deploy.

    To the local cloud as `local up ENDPOINT…` does. To AWS by `sam sync --code`; what that does
    not bring (memory, policies, layers, parameters) is named: it takes a `sam deploy`.

    Examples:

    \b
      lambda-serving sync iris_onnx
      lambda-serving sync iris_onnx filetype --watch
      lambda-serving sync churn --stack lambda-serving-dev --yes
    """
    project = find_project()
    for endpoint in endpoints:
        project.require(endpoint)
    stack = find_deployed_stack(selection)
    if not stack.local and not yes:
        write_line(WARNING)
        typer.confirm(f"Go on with {stack.name}?", abort=True)
    send(project, stack, endpoints, selection.state)
    if watch:
        send_saved(project, stack, endpoints, selection.state)


def send(project: Project, stack: DeployedStack, endpoints: list[str], state: Path | None) -> None:
    """Send the code of endpoints once.

    Raises:
        CommandError: it could not be built or sent, or on the local cloud does not answer.
    """
    if stack.local:
        show_exchanges(bring_up(find_layout(state), Wish(endpoints=endpoints)))
        return
    with tell_aws_errors():
        for endpoint, version in sync_functions(project, stack, endpoints).items():
            told = f"version {version} answers" if version else "its code is there already"
            write_line(f"{endpoint}: {told}")
        if drift := list_drift(project, stack):
            remark(
                "template.yaml is not as it is deployed, which a `sam deploy` brings: "
                + ", ".join(drift)
            )


def send_saved(
    project: Project, stack: DeployedStack, endpoints: list[str], state: Path | None
) -> None:
    """Send the code of an endpoint whenever a file of it is saved, until Ctrl-C."""
    from watchfiles import watch

    folders = {project.folder(endpoint): endpoint for endpoint in endpoints}
    told = f"Watching {', '.join(map(project.show, folders))}; Ctrl-C ends it."
    for changes in watch(*folders, yield_on_timeout=True, rust_timeout=LOOK, raise_interrupt=False):
        if told:  # not before what is saved would be seen
            write_line(told)
            told = ""
        paths = [Path(path) for _, path in changes]
        saved = [
            endpoint
            for folder, endpoint in folders.items()
            if any(path.is_relative_to(folder) for path in paths)
        ]
        if not saved:
            continue
        try:
            send(project, stack, saved, state)
        except CommandError as error:
            show_error(error)

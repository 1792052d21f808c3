"""The options that say which stack a command talks to, the same for every command."""

import functools
import inspect
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from lambda_serving_cli.local_cloud.layout import STACK_NAME, find_root
from lambda_serving_cli.terminal.steps import StepError

REMEMBERED = "samconfig.toml's"


@dataclass(frozen=True)
class Where:
    """What was said of the stack. Nothing: the local cloud while it is up, else AWS."""

    stack: Annotated[
        str | None,
        typer.Option(help="Name of the stack in AWS.", show_default=REMEMBERED),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(help="AWS region of the stack.", show_default=REMEMBERED),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option(help="AWS profile to sign in with.", show_default=REMEMBERED),
    ] = None
    local: Annotated[
        bool | None,
        typer.Option(
            "--local/--aws",
            help="The cloud on this machine, or AWS.",
            show_default="local while `make up` runs, but AWS with --stack, --region or --profile",
        ),
    ] = None
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of a local cloud's state.", show_default=".local"),
    ] = None

    @property
    def is_said(self) -> bool:
        """Whether the user named a stack or a cloud at all."""
        return self != Where()

    @property
    def is_local(self) -> bool | None:
        """Which cloud was named; None where none was.

        Raises:
            BadParameter: both were.
        """
        aws = [f"--{name}" for name in ("stack", "region", "profile") if getattr(self, name)]
        if self.local is False:
            aws.append("--aws")
        local = (["--state"] if self.state else []) + (["--local"] if self.local else [])
        if aws and local:
            raise typer.BadParameter(
                f"{local[0]} names a local cloud, {aws[0]} a stack in AWS: take one of them"
            )
        return bool(local) if aws or local else None

    def complete(self) -> tuple[str, str | None, str | None]:
        """(stack, region, profile) in AWS: as said, else as `sam deploy` takes them.

        Raises:
            StepError: samconfig.toml cannot be read.
        """
        remembered = read_samconfig(find_project() / "samconfig.toml")
        return (
            self.stack or remembered.get("stack_name") or STACK_NAME,
            # boto3 itself looks at AWS_DEFAULT_REGION and at the profile.
            self.region or remembered.get("region") or os.environ.get("AWS_REGION") or None,
            self.profile or remembered.get("profile"),
        )


def with_where[R](command: Callable[..., R]) -> Callable[..., R]:
    """Give a Typer command the options of `Where`, which it takes together as its `where`."""
    names = [field.name for field in fields(Where)]
    own = inspect.signature(command, eval_str=True)
    ours = inspect.signature(Where).parameters.values()
    parameters = [each for each in own.parameters.values() if each.name != "where"]
    parameters += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in ours]

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> R:
        where = Where(**{name: options.pop(name) for name in names})
        return command(*arguments, where=where, **options)

    # Typer reads both.
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def find_project() -> Path:
    """The project's folder. Without one, what it tells of the stack is missed, and no more."""
    try:
        return find_root(Path.cwd())
    except FileNotFoundError:
        return Path.cwd()


def read_samconfig(path: Path) -> dict[str, str]:
    """The texts that `sam deploy` uses of its own accord, such as stack_name and region.

    Raises:
        StepError: the file is not TOML.
    """
    told: dict[str, str] = {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for command in ("global", "deploy"):
            part = table.get("default", {}).get(command, {}).get("parameters", {})
            told |= {key: value for key, value in part.items() if isinstance(value, str)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise StepError(f"{path}: {error}", advice="mend it, as `sam` asks for too") from error
    return told

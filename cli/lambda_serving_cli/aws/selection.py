"""Which stack was asked for, and what samconfig.toml adds to that."""

import os
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.aws.local_stack import STACK_NAME
from lambda_serving_cli.files.root import find_root_or_cwd
from lambda_serving_cli.terminal.errors import CommandError


@dataclass(frozen=True)
class StackSelection:
    """What was asked for. Nothing: the local cloud while it is up, else AWS.

    Raises:
        ValueError: a local cloud and a stack in AWS were both asked for.
    """

    stack: str | None = None
    region: str | None = None
    profile: str | None = None
    local: bool | None = None
    """The local cloud; False is AWS."""
    state: Path | None = None
    """The folder of a local cloud."""

    def __post_init__(self) -> None:
        aws, local = self._list_aws(), self._list_local()
        if aws and local:
            raise ValueError(
                f"{local[0]} names a local cloud, {aws[0]} a stack in AWS: take one of them"
            )

    @property
    def is_local(self) -> bool | None:
        """Which cloud was named; None where none was."""
        if self._list_local():
            return True
        return False if self._list_aws() else None

    def _list_local(self) -> list[str]:
        return (["--state"] if self.state else []) + (["--local"] if self.local else [])

    def _list_aws(self) -> list[str]:
        named = [f"--{name}" for name in ("stack", "region", "profile") if getattr(self, name)]
        return named + (["--aws"] if self.local is False else [])

    def name_options(self) -> str:
        """The options by which another command means the same stack, to end a command with."""
        named = {"stack": self.stack, "region": self.region, "profile": self.profile}
        words = [f"--{name} {shlex.quote(str(value))}" for name, value in named.items() if value]
        if self.state:
            words.append(f"--state {shlex.quote(str(self.state))}")
        elif self.local is not None and not words:
            words.append("--local" if self.local else "--aws")
        return "".join(f" {word}" for word in words)

    def complete(self) -> tuple[str, str | None, str | None]:
        """(stack, region, profile) in AWS: as said, else as `sam deploy` takes them."""
        remembered = read_samconfig(find_root_or_cwd() / "samconfig.toml")
        return (
            self.stack or remembered.get("stack_name") or STACK_NAME,
            # boto3 itself looks at AWS_DEFAULT_REGION and at the profile.
            self.region or remembered.get("region") or os.environ.get("AWS_REGION") or None,
            self.profile or remembered.get("profile"),
        )


def read_samconfig(path: Path) -> dict[str, str]:
    """The texts that `sam deploy` uses of its own accord, such as stack_name and region.

    Raises:
        CommandError: the file is not TOML.
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
        raise CommandError(f"{path}: {error}", advice="mend it, as `sam` asks for too") from error
    return told

"""Where a local cloud keeps what: one folder of state for each, and what all of them share."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.aws.local_stack import CREDENTIAL, ENVIRONMENT_FILE, REGION, STACK_FILE

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 4566


@dataclass(frozen=True)
class Layout:
    """The files of one local cloud; `root` is the project's folder."""

    root: Path
    state: Path

    @property
    def models(self) -> Path:
        """The example models, at the keys under which they are published. Shared."""
        return self.root / ".local" / "models"

    @property
    def ministack(self) -> Path:
        """Ministack's own virtual environment. Shared."""
        return self.root / ".local" / "ministack"

    @property
    def build(self) -> Path:
        """What `sam build` made."""
        return self.state / "build"

    @property
    def cache(self) -> Path:
        """SAM's cache of builds."""
        return self.state / "cache"

    @property
    def layers(self) -> Path:
        """The built layers as zips."""
        return self.state / "layers"

    @property
    def unpacked(self) -> Path:
        """The layers that functions run with, by what they hold."""
        return self.state / "unpacked"

    @property
    def scratch(self) -> Path:
        """Temporary files of ministack and of the functions it runs."""
        return self.state / "tmp"

    @property
    def objects(self) -> Path:
        """The objects of the local S3. Those of the model bucket outlive `down`."""
        return self.state / "objects"

    @property
    def settings_file(self) -> Path:
        """What outlives `down` besides."""
        return self.state / "settings.json"

    @property
    def record_file(self) -> Path:
        """What was deployed, and what answered."""
        return self.state / "deployed.json"

    @property
    def stack_file(self) -> Path:
        """For people and tests: how to reach the stack. There while it can be reached."""
        return self.state / STACK_FILE

    @property
    def process_file(self) -> Path:
        """The process of ministack."""
        return self.state / "process.json"

    @property
    def lock_file(self) -> Path:
        """Held while `up` runs."""
        return self.state / "up.lock"

    @property
    def sam_local_file(self) -> Path:
        """Environment for `sam local invoke`, named in samconfig.toml."""
        return self.state / ENVIRONMENT_FILE

    def log(self, step: str) -> Path:
        """The log of a step, in a folder that is there."""
        folder = self.state / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{step}.log"

    def stamp(self, step: str) -> Path:
        """What a step did last, so that it is not done again for nothing."""
        return self.state / f"{step}.stamp"


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """This process's environment, with AWS being the local cloud and nothing but it.

    The user's own profile and credentials are left out: nothing here may reach a real account.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
        # Seconds between looks at a deployment; SAM's own 5 s are meant for a real account.
        "SAM_CLI_POLL_DELAY": "0.5",
    }


def find_uv() -> str:
    """The uv that runs this (it says so in UV), or else the one on PATH."""
    return os.environ.get("UV") or shutil.which("uv") or "uv"


def environment_with_uv() -> dict[str, str]:
    """This process's environment with uv on PATH, where what `sam build` runs looks for it."""
    path = os.environ.get("PATH", os.defpath)
    uv = Path(find_uv())
    return {**os.environ, "PATH": f"{uv.parent}{os.pathsep}{path}" if uv.is_absolute() else path}


def find_tool(name: str) -> str:
    """A command of this very environment, such as `sam`."""
    return str(Path(sys.executable).with_name(name))

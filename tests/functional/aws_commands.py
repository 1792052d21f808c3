"""Commands that ask AWS or a local cloud, with servers on loopback in their places."""

import json
import subprocess
from pathlib import Path

from tests.servers.dev_server import clean_environment
from tests.servers.program import run_here


def make_environment(folder: Path, url: str, **more: str) -> dict[str, str]:
    files = {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
    }
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    return clean_environment(**(files | keys | more))


def run(folder: Path, url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder, with AWS at a URL."""
    done = run_here(folder, *arguments, env=make_environment(folder, url, **more))
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def write_state(folder: Path, url: str) -> None:
    """What a local cloud writes that is up."""
    state = folder / ".local"
    state.mkdir()
    stack = {"api_url": "", "aws_endpoint_url": url, "region": "us-east-1", "functions": {}}
    stack |= {"stack_name": "lambda-serving", "model_bucket": "b"}
    (state / "stack.json").write_text(json.dumps(stack))

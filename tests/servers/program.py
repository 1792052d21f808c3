"""The command line in this process: a program of its own takes a second or more to start."""

import os
from collections.abc import Mapping
from contextlib import chdir
from functools import cache
from pathlib import Path
from types import MappingProxyType

from botocore import loaders
from click.testing import Result
from typer import testing
from typer.testing import CliRunner

from lambda_serving_cli.main import app
from tests.servers.dev_server import clean_environment

# Made once in a process, as in a real call: else each makes 25 commands anew, and reads the
# descriptions of AWS's services again.
testing._get_command = cache(testing._get_command)
loaders.create_loader = cache(loaders.create_loader)


def run_here(
    folder: Path,
    *arguments: str,
    answer: bytes = b"",
    env: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """`lambda-serving …` in a folder, with a clean environment and `env`; it must not fail by
    itself. Output and exit code are those of a process."""
    wanted = clean_environment(**env)
    gone = dict.fromkeys(set(os.environ) - set(wanted))
    with chdir(folder):
        done = CliRunner().invoke(app, arguments, input=answer, env={**gone, **wanted})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done

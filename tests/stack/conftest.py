"""A local cloud of the tests' own, through the same command line as `make up`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.servers import forked
from tests.servers.built import PROJECT, STATE, environment_with_uv
from tests.servers.runtime_api import find_free_port


@dataclass(frozen=True)
class Stack:
    """A running stack, as its state file describes it now."""

    port: int
    log: str
    """What `local up` said."""

    @property
    def state(self) -> dict[str, Any]:
        """The content of stack.json."""
        state: dict[str, Any] = json.loads((STATE / "stack.json").read_text())
        return state

    @property
    def api_url(self) -> str:
        return str(self.state["api_url"])

    def connect(self, service: str) -> Any:
        """A boto3 client of one of the local cloud's services."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.state["aws_endpoint_url"],
            region_name=self.state["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    @cached_property
    def functions(self) -> Any:
        return self.connect("lambda")

    @cached_property
    def bucket(self) -> Any:
        """The model bucket."""
        return self.connect("s3")

    def invoke(self, function: str, payload: object, qualifier: str = "") -> tuple[Any, str]:
        """A direct invoke: what it gave, and FunctionError or ""."""
        where = {"Qualifier": qualifier} if qualifier else {}
        answer = self.functions.invoke(
            FunctionName=function, Payload=json.dumps(payload).encode(), **where
        )
        return json.loads(answer["Payload"].read()), answer.get("FunctionError", "")

    @cached_property
    def http(self) -> httpx.Client:
        """One for all requests: to make a client takes longer than most of them."""
        return httpx.Client(timeout=60)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self.http.post(f"{self.api_url}{path}", **request)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(f"{self.api_url}{path}")

    def read_log(self, function: str) -> str:
        """The lines of a function's log group."""
        events = self.connect("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{function}", limit=1000
        )["events"]
        return "\n".join(event["message"] for event in events)


def run_cli(*arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """`lambda-serving local …`; its output in one text."""
    command = [str(Path(sys.executable).with_name("lambda-serving")), "local", *arguments]
    # The fixed width keeps messages in one line.
    environment = environment_with_uv() | {"COLUMNS": "200", "NO_COLOR": "1"}
    return forked.run(
        command, cwd=PROJECT, env=environment, text=True, timeout=timeout,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def bring_up(port: int, state: Path = STATE) -> subprocess.CompletedProcess[str]:
    return run_cli("up", "--port", str(port), "--state", str(state))


def bring_down(state: Path = STATE) -> subprocess.CompletedProcess[str]:
    return run_cli("down", "--clean", "--state", str(state), timeout=180)


def read_parent(pid: str) -> str:
    """The process that started it, or took it over. 0 has none, and starts the first one."""
    if pid == "0":
        return pid
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]


def list_processes(word: str) -> dict[int, str]:
    """pid -> command line of every process that names `word`, but the tests' own.

    Those are this process, the one that started it and the others that this one started (the
    workers of pytest-xdist), and what any of them runs just now.
    """
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) not in (os.getpid(), os.getppid()):
            try:
                parent = read_parent(folder.name)
                if os.getppid() in (int(parent), int(read_parent(parent))):
                    continue
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                variables = (folder / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue  # it ended meanwhile
            if word in line or f"={word}" in variables:
                found[int(folder.name)] = line
    return found


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack on a local cloud of its own port and state."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        flock(lock, LOCK_EX)  # another run of the tests in this folder ends first
        bring_down()  # what an interrupted run may have left
        port = find_free_port()
        up = bring_up(port)
        if up.returncode:
            bring_down()
            pytest.fail(f"local up failed ({up.returncode}):\n{up.stdout[-3000:]}", pytrace=False)
        running = Stack(port, up.stdout)
        yield running
        running.http.close()
        bring_down()

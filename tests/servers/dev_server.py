"""The command `lambda-serving dev` as a process of its own, seen from outside."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import httpx

from tests.servers.forked import SERVING, Forked

COMMAND = [str(Path(sys.executable).with_name("lambda-serving")), "dev"]
PATIENCE = 60.0
"""Seconds that a slow machine may take for what is done in two or three."""


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what points to an AWS or sets the runtime otherwise."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "SERVING_"))}
    # The fixed width keeps messages in one line.
    return kept | {"COLUMNS": "300", "NO_COLOR": "1", "AWS_EC2_METADATA_DISABLED": "true"} | more


def wait_for(check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What `check` gives as soon as that is true."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)
    return found


class DevServer:
    """A running dev server. A context manager; it and all it started are gone at the end."""

    def __init__(
        self,
        functions: Path | None,
        models: str | Path | None,
        log: Path,
        *options: str,
        cwd: Path | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
        stdout: Path | None = None,
    ) -> None:
        """Without `functions` and `models` they are found from `cwd`.

        Standard output goes to a file of its own, or to the log.
        """
        self._stdout = stdout
        self._log = log
        named = {"--functions": functions, "--models": models}
        places = [(name, str(place)) for name, place in named.items() if place is not None]
        self._arguments = [*itertools.chain(*places), *options]
        self._cwd = cwd
        self._env = clean_environment(**env)
        # As many connections as a test has threads, each for one request: httpcore 1.0.9 may close
        # a kept one under the request that another thread has just begun (its issue 1110), which
        # then waits in vain.
        self.http = httpx.Client(
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=None),
            headers={"connection": "close"},
        )

    def __enter__(self) -> Self:
        self._log.write_text("")
        with self._log.open("a") as log, (self._stdout or self._log).open("a") as stdout:
            self.process = Forked(
                [*COMMAND, "--port", "0", *self._arguments],
                origin=SERVING,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                start_new_session=True,  # so that the group is the server's own
            )
        try:
            found = wait_for(lambda: re.search(r" at (http://[^,]+),", self.log), "the address")
            self.http.base_url = found[1]
            what = "all endpoints to be loaded, and their packages installed before"
            wait_for(lambda: "loading" not in str(self.list()), what, 3 * PATIENCE)
            self.log_at_start = self.log
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.close()
        for sign, seconds in ((signal.SIGINT, 15), (signal.SIGKILL, 5)):
            if self.is_alive():
                self.interrupt(sign)
                end = time.monotonic() + seconds
                while self.is_alive() and time.monotonic() < end:
                    time.sleep(0.05)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def list(self) -> dict[str, Any]:
        """What GET / tells."""
        endpoints: dict[str, Any] = self.http.get("/").json()
        return endpoints

    def post(self, path: str, body: object = MappingProxyType({}), **more: Any) -> httpx.Response:
        return self.http.post(f"/serve/{path}", json=dict(body), **more)  # type: ignore[call-overload]

    def ask(self, path: str, body: object = MappingProxyType({})) -> Any:
        """The result of a request that succeeds."""
        answer = self.post(path, body)
        assert answer.status_code == 200, f"{answer.text}\n{self.log[-3000:]}"
        return answer.json()

    def interrupt(self, sign: int = signal.SIGINT) -> None:
        """As Ctrl-C in a terminal does, which signals the whole group."""
        os.killpg(self.process.pid, sign)

    def is_alive(self) -> bool:
        """Whether any process of it is left."""
        self.process.poll()  # else it would stay as a zombie
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def write_endpoint(functions: Path, name: str, toml: str, code: str = "", **files: str) -> None:
    """An endpoint's folder: endpoint.toml, preprocess.py and further files by their stems."""
    folder = functions / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "endpoint.toml").write_text(f"endpoint = {json.dumps(name)}\n{toml}")
    for stem, text in (files | {"preprocess": code} if code else files).items():
        (folder / f"{stem}.py").write_text(text)

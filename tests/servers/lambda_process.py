"""One execution environment: a built function under AWS's own runtime client, as its own process.

Only what Lambda gives is there: its environment variables, the layers, the code folder, the runtime
client, boto3 and the standard library; no HOME, no site-packages, none of the project.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import files, version
from pathlib import Path
from shutil import copy2, copytree, rmtree
from threading import Thread
from typing import Any, Self

from lambda_serving_cli.files.lock import hold
from tests.servers.forked import Forked, Origin
from tests.servers.runtime_api import Answer, RuntimeApi

HANDLER = "lambda_serving.handler.lambda_handler"
REGION = "eu-central-1"
CLIENTS = Path(__file__).parents[2] / ".local" / "runtime-client"
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
SDK = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""Lambda's Python has it (AWS Lambda, "Lambda runtimes", SDK for Python)."""


class LambdaProcess:
    """A function's environment; a context manager that starts it and ends it by its own pid.

    `code` is copied below `folder` and made read-only; `layers` are used in place. `runtime` is a
    folder made by `install_runtime_client`. With `audited`, writes are recorded (a little slower:
    leave it out where time is measured). One that is `held` stays at its snapshot until `restore`.
    `bootstrap` is the script that starts the runtime client. With `imports` it is forked from a
    process of these layers that has made them.
    """

    def __init__(
        self,
        code: Path,
        layers: Sequence[Path],
        *,
        runtime: Path,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        function_name: str = "test-function",
        handler: str = HANDLER,
        audited: bool = True,
        held: bool = False,
        bootstrap: Path = BOOTSTRAP,
        imports: tuple[str, ...] = (),
    ) -> None:
        self.layers = list(layers)
        self.task_root = copy_read_only(code, folder / "task")
        self.log_file = folder / "log.txt"
        self.audit_file = folder / "audit.txt" if audited else None
        self.api = RuntimeApi(function_name, REGION)
        self.api.held = held
        self.environment = _base_environment(function_name, self.task_root, runtime, handler)
        self.environment["AWS_LAMBDA_RUNTIME_API"] = self.api.address
        # On Lambda /var/task:/var/task/lib:/opt/lib, where /opt is all layers in one.
        libraries = [self.task_root, self.task_root / "lib", *(layer / "lib" for layer in layers)]
        self.environment["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, libraries))
        self.environment.update(environment or {})
        self._folders = [self.task_root, *(layer / "python" for layer in self.layers), runtime]
        self._handler = handler
        self._bootstrap = bootstrap
        self._imports = imports
        self._process: subprocess.Popen[bytes] | None = None
        self.spawned_at = 0.0
        self._frozen = self._list_frozen()

    def __enter__(self) -> Self:
        self.api.__enter__()
        self._spawn()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        self.api.__exit__()

    def wait_until_started(self, timeout: float = 30.0) -> Answer | None:
        """None when the function asks for its first event, the posted error when its init failed.

        TimeoutError after `timeout` seconds; RuntimeError with the log when the process ended.
        """
        try:
            return self.api.started.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"no init within {timeout} s; log:\n{self.read_log()}") from None

    def wait_until_frozen(self, timeout: float = 30.0) -> None:
        """Under SnapStart: until the snapshot could be taken."""
        if not self.api.frozen.wait(timeout):
            raise TimeoutError(f"no snapshot within {timeout} s; log:\n{self.read_log()}")

    def restore(self) -> None:
        """Go on from the snapshot."""
        self.api.thaw()

    def invoke(self, event: object, timeout: float = 30.0) -> Answer:
        """One direct invocation with `event` as JSON; see `send` for raw bytes."""
        return self.send(json.dumps(event).encode(), timeout)

    def send(self, payload: bytes, timeout: float = 30.0) -> Answer:
        """TimeoutError after `timeout` seconds (the function's own deadline too); RuntimeError if
        the process ends meanwhile. Both carry the log."""
        invocation = self.api.send(payload, timeout)
        try:
            return invocation.answer.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"no answer within {timeout} s; log:\n{self.read_log()}") from None

    @property
    def init_seconds(self) -> float:
        """From the spawn to the first /next (or to the init error)."""
        return self.api.started_at - self.spawned_at

    def read_log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def read_records(self) -> list[dict[str, Any]]:
        """The log lines that are JSON objects."""
        lines = (line for line in self.read_log().splitlines() if line.startswith("{"))
        return [json.loads(line) for line in lines]

    def stop(self, timeout: float = 5.0) -> int:
        """SIGTERM as Lambda's shutdown, SIGKILL after `timeout` seconds; gives the exit code."""
        if self._process is None:
            raise RuntimeError("the function was never started")
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def list_violations(self) -> list[str]:
        """What Lambda would have refused: files changed in the code folder or a layer, writes
        outside /tmp. Bytecode that was missing is among them (see bootstrap.py)."""
        frozen, now = self._frozen, self._list_frozen()
        changed = [f"changed {path}" for path in frozen.keys() | now.keys()
                   if frozen.get(path) != now.get(path)]  # fmt: skip
        return sorted(changed) + [f"wrote {path}" for path in self._read_audit()
                                  if self._is_forbidden(path)]  # fmt: skip

    def _read_audit(self) -> list[Path]:
        """What was opened for writing, as far as the process was audited."""
        if self.audit_file is None or not self.audit_file.exists():
            return []
        return [self.task_root / line for line in self.audit_file.read_text().splitlines()]

    def _is_forbidden(self, path: Path) -> bool:
        path = path.resolve()
        if any(path.is_relative_to(folder) for folder in [self.task_root, *self.layers]):
            return True  # though the tests keep them below /tmp
        return not (path.is_relative_to("/tmp") or path == Path("/dev/null"))

    def _list_frozen(self) -> dict[str, tuple[int, int]]:
        stamps: dict[str, tuple[int, int]] = {}
        for folder in [self.task_root, *self.layers]:
            for path in folder.rglob("*"):
                status = path.lstat()
                stamps[str(path)] = (status.st_mtime_ns, status.st_size)
        return stamps

    def _spawn(self) -> None:
        # The interpreter below the venv: its own site-packages are shut off by -S, and -I keeps
        # PYTHON* variables and the current folder out.
        interpreter = getattr(sys, "_base_executable", sys.executable)
        python = (interpreter, "-I", "-S")
        folders = tuple(map(str, self._folders))
        script = [str(self._bootstrap), self._handler, str(self.audit_file or ""), *folders]
        origin = Origin(self._imports, python, folders[1:])
        with self.log_file.open("wb") as log:
            self.spawned_at = time.perf_counter()
            started: dict[str, Any] = {
                "cwd": self.task_root, "env": self.environment, "stdin": subprocess.DEVNULL,
                "stdout": log, "stderr": subprocess.STDOUT,
            }  # fmt: skip
            if self._imports:
                self._process = Forked(script, origin=origin, **started)
            else:
                self._process = subprocess.Popen([*python, *script], **started)
        Thread(target=self._report_exit, args=[self._process], daemon=True).start()

    def _report_exit(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        self.api.fail(f"the function ended with exit code {code}; log:\n{self.read_log()}")


def _base_environment(
    function_name: str, task_root: Path, runtime: Path, handler: str
) -> dict[str, str]:
    """Lambda's own variables, as in docs.aws.amazon.com/lambda/latest/dg/configuration-envvars."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_NAME": function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function_name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2025/01/01/[$LATEST]0123456789abcdef",
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "LAMBDA_RUNTIME_DIR": str(runtime),
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TZ": ":UTC",
        "_HANDLER": handler,
    }


def copy_read_only(source: Path, target: Path) -> Path:
    """A copy without any write permission (which does not stop root: see `list_violations`)."""
    copytree(source, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o555)
    return target


@cache
def find_runtime_client() -> Path:
    """The runtime client in a folder of its own, made once for all runs of the tests."""
    versions = [f"{name} {version(name)}" for name in (*RUNTIME_CLIENT, *SDK)]
    digest = hashlib.sha256(repr((sys.version, versions)).encode()).hexdigest()[:16]
    folder = CLIENTS / digest
    done = folder.with_suffix(".done")
    with hold(CLIENTS / "lock"):
        if not done.exists():
            rmtree(folder, ignore_errors=True)
            install_runtime_client(folder)
            done.touch()
    return folder


def install_runtime_client(folder: Path) -> Path:
    """Copy the runtime client, the SDK and what they need, and nothing more, out of here."""
    folder.mkdir(parents=True)
    for distribution in (*RUNTIME_CLIENT, *SDK):
        for file in files(distribution) or []:
            if ".." not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                copy2(str(file.locate()), target)
    # With bytecode, as in Lambda, where the client is part of the image.
    interpreter = getattr(sys, "_base_executable", sys.executable)
    subprocess.run(
        [interpreter, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
         str(folder)], check=True, env={"PATH": os.defpath},
    )  # fmt: skip
    return folder

"""The process that plays AWS: installed apart, started, found again and stopped."""

import errno
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from lambda_serving_cli.aws.local_stack import CREDENTIAL, REGION
from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.files.lock import hold
from lambda_serving_cli.local_cloud.layout import Layout, find_uv
from lambda_serving_cli.loopback import emulator
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.steps import run_logged

REQUIREMENTS = Path(__file__).with_name("ministack.txt")
START_SECONDS = 60
KEPT_DAYS = 14
"""How long an unpacked layer is kept that no function starts with."""

STOP_SECONDS = {signal.SIGTERM: 3, signal.SIGKILL: 10}


@dataclass(frozen=True)
class Process:
    """A running ministack. `birth` tells it from another process that got its number."""

    pid: int
    birth: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Where it answers as AWS."""
        return f"http://{self.host}:{self.port}"


def install(layout: Layout) -> bool:
    """Make ministack's environment, unless it is there as pinned. Returns whether it did.

    Raises:
        CommandError: uv could not install it.
    """
    with hold(layout.ministack.with_name("ministack.lock")):  # shared by all local clouds
        return _install(layout)


def _install(layout: Layout) -> bool:
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = layout.ministack / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    python, log = layout.ministack / "bin" / "python", layout.log("ministack-install")
    advice = "check that the package index can be reached, then run `make up` again"
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    for command in (
        ["venv", "--clear", "--python", sys.executable, str(layout.ministack)],
        [
            "pip",
            "sync",
            "--compile-bytecode",
            "--require-hashes",
            "--python",
            str(python),
            str(REQUIREMENTS),
        ],
    ):
        run_logged([find_uv(), *command], log, cwd=layout.root, env=environment, advice=advice)
    stamp.write_text(wanted)
    return True


def find(layout: Layout) -> Process | None:
    """The ministack of this layout, where it is alive."""
    if not layout.process_file.exists():
        return None
    try:
        process = Process(**json.loads(layout.process_file.read_text()))
    except (ValueError, TypeError) as error:  # written by another version, or half
        raise CommandError(
            f"{layout.process_file} cannot be read: {error}",
            advice="see by `ps` whether its `emulator.py` runs still and stop it; then remove "
            "that file",
        ) from error
    return process if read_birth(process.pid) == process.birth else None


def start(layout: Layout, host: str, port: int) -> Process:
    """Start ministack and wait until it answers.

    Raises:
        CommandError: the port is taken, or it did not come up.
    """
    check_port(host, port)
    shutil.rmtree(layout.scratch, ignore_errors=True)
    layout.scratch.mkdir(parents=True)
    log = layout.log("ministack")
    with log.open("w") as output:
        child = subprocess.Popen(
            # -P: nothing of this project's is importable there.
            [str(layout.ministack / "bin" / "python"), "-P", emulator.__file__],
            cwd=layout.scratch,
            env=_environment(layout, host, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: the functions' processes are in it, and `stop` ends them all.
            start_new_session=True,
        )
    process = Process(child.pid, read_birth(child.pid) or "", host, port)
    write_atomically(layout.process_file, json.dumps(asdict(process)) + "\n")
    deadline = time.monotonic() + START_SECONDS
    while not is_ready(process):
        if child.poll() is not None:
            raise CommandError(f"ministack ended with {child.returncode}", log=log)
        if time.monotonic() > deadline:
            raise CommandError(f"ministack did not answer within {START_SECONDS} s", log=log)
        time.sleep(0.2)
    return process


def _environment(layout: Layout, host: str, port: int) -> dict[str, str]:
    """All that ministack sees. The functions inherit it, so it holds what Lambda sets and little
    more; HOME is left out since a function may not count on it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(layout.scratch),
        # The /tmp of a Lambda is its own and ends with it; so does this one.
        "SERVING_SCRATCH": str(layout.scratch),
        "PYTHONUNBUFFERED": "1",
        # Lambda's code folders are read-only.
        "PYTHONDONTWRITEBYTECODE": "1",
        # On Lambda /opt/lib. Ministack unpacks layers where the loader does not look; of ours one
        # alone has such a folder.
        "LD_LIBRARY_PATH": str(layout.build / "EngineLightgbmLayer" / "lib"),
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        # Policies count, so that one that a function lacks is missed here and not on AWS.
        "AUTH": "true",
        "MINISTACK_AUTOCREATE_AWS_MANAGED": "1",
        # Its other servers have fixed ports, which two local clouds would fight for.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(layout.scratch / "state"),
        # Each object is a file as soon as it is put, so that models outlive the process however
        # that ends.
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(layout.objects),
        emulator.UNPACKED: str(layout.unpacked),
    }


def check_port(host: str, port: int) -> None:
    """See that nothing listens there.

    Raises:
        CommandError: something does, or the address is not this machine's.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CommandError(f"cannot listen on {host}:{port}: {error.strerror}") from error
            raise CommandError(
                f"port {port} is in use by another program",
                advice=f"stop that program, or take another port: `make up PORT={port + 10}`",
            ) from error


def is_ready(process: Process) -> bool:
    """Whether ministack answers."""
    try:
        with urllib.request.urlopen(f"{process.url}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def stop(layout: Layout) -> bool:
    """Stop ministack and the functions it runs. Returns whether there was one.

    Raises:
        CommandError: something of it lives on.
    """
    process = find(layout)
    if process:
        for ending, seconds in STOP_SECONDS.items():
            if is_group_alive(process.pid):
                os.killpg(process.pid, ending)
            deadline = time.monotonic() + seconds
            while is_group_alive(process.pid) and time.monotonic() < deadline:
                time.sleep(0.05)
        if is_group_alive(process.pid):
            raise CommandError(f"processes of group {process.pid} do not end")
    layout.process_file.unlink(missing_ok=True)
    return process is not None


def remove_leftovers(layout: Layout) -> None:
    """Remove the temporary files of a ministack that has ended, and layers that are out of use."""
    shutil.rmtree(layout.scratch, ignore_errors=True)
    oldest = time.time() - KEPT_DAYS * 86_400
    for folder in layout.unpacked.glob("*"):
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def is_group_alive(group: int) -> bool:
    """Whether a process of the group runs."""
    try:
        os.waitpid(-group, os.WNOHANG)
    except ChildProcessError:
        pass  # None of it is a child of ours; else this buries the dead.
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def read_birth(pid: int) -> str | None:
    """When a process began, in the system's own words; None where it does not run."""
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        try:
            # The name, in parentheses, may hold anything; state is the 3rd field, start the 22nd.
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    listing = ["ps", "-o", "lstart=", "-p", str(pid)]
    return (
        subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip() or None
    )

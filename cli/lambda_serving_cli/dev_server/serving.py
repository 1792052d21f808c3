"""The command ``lambda-serving dev``: check what it was told, then serve until interrupted."""

from __future__ import annotations

import errno
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import uvicorn

from lambda_serving.settings.runtime import read_runtime
from lambda_serving_cli.aws.local_stack import CREDENTIAL
from lambda_serving_cli.aws.selection import StackSelection
from lambda_serving_cli.aws.stack import DeployedStack, find_deployed_stack
from lambda_serving_cli.dev_server.fleet import Places, find_folders
from lambda_serving_cli.dev_server.log import set_up_logging
from lambda_serving_cli.dev_server.models import Models, Place
from lambda_serving_cli.dev_server.server import DevServer, Options
from lambda_serving_cli.dev_server.worker import GRACE_SECONDS, WorkerOptions
from lambda_serving_cli.files.root import find_root_or_cwd
from lambda_serving_cli.loopback.guard import LocalOnly
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark, write_line

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays: longer than clients keep one, who else meet its end."""


def serve(
    names: Sequence[str],
    functions: Path | None,
    models: str | None,
    host: str,
    port: int,
    reload: bool,
    as_json: bool,
) -> None:
    """Serve until interrupted. With `as_json`, stdout is for records of statistics alone.

    Raises:
        CommandError: an option cannot be followed: which, and what to do.
    """
    root = find_root_or_cwd()  # not in the project, everything is named by options
    folder = find_functions(functions, root)
    check_names(names, folder)
    place = find_models(models, root)
    cloud = find_cloud(root) if models is None else None
    if mistakes := read_runtime().mistakes:
        raise CommandError("; ".join(mistakes), advice="set it otherwise, or not at all")
    listener = listen(host, port)
    url = name_url(host, listener.getsockname()[1])
    named = f"the bucket {place}" if "://" not in place else place
    if cloud:
        named += f" and of the local cloud at {cloud.endpoint_url}"
    tell = remark if as_json else write_line
    tell(f"Serving {folder} at {url}, with models of {named}. Ctrl-C ends it.")
    set_up_logging()
    told = Models(place, asdict(read_place(cloud)) if cloud else None)
    options = Options(
        places=Places(root, folder, tuple(names)),
        worker=WorkerOptions(told, as_json),
        url=url,
        reload=reload,
        models=root / ".local" / "models" if models is None else None,
    )
    run(listener, LocalOnly(DevServer(options), host, has_pages=True))


def run(listener: socket.socket, app: LocalOnly) -> None:
    """Run uvicorn until it is interrupted."""
    config = uvicorn.Config(
        app,
        lifespan="on",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=int(GRACE_SECONDS),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # uvicorn has shut down by then, and raises the signal again


def check_names(names: Sequence[str], functions: Path) -> None:
    """Raises CommandError unless there are endpoints of all these names."""
    known = [folder.name for folder in find_folders(functions)]
    if unknown := [name for name in names if name not in known]:
        told = ", ".join(known) or "none yet"
        raise CommandError(f"there is no endpoint {unknown[0]!r} in {functions}; there are: {told}")


def find_cloud(root: Path) -> DeployedStack | None:
    """The local cloud of the project, while it runs."""
    try:
        return find_deployed_stack(StackSelection(state=root / ".local"))
    except CommandError:
        return None


def read_place(stack: DeployedStack) -> Place:
    """The bucket of a local cloud, and how an endpoint reaches it."""
    credentials = {"access_key_id": CREDENTIAL, "secret_access_key": CREDENTIAL}
    return Place(stack.bucket, stack.endpoint_url, stack.region, credentials)


def find_functions(functions: Path | None, root: Path) -> Path:
    """The folder of endpoints.

    Raises:
        CommandError: there is none.
    """
    folder = (functions or root / "functions").resolve()
    if not folder.is_dir():
        raise CommandError(
            f"there is no folder {folder}",
            advice="run this in the project, or name the folder of the endpoints by --functions",
        )
    return folder


def find_models(models: str | None, root: Path) -> str:
    """A bucket's name, or the file:// URL of a folder.

    Raises:
        CommandError: it is neither.
    """
    if models is None:
        folder = root / ".local" / "models"
        prepare_models(root, folder)
        return folder.as_uri()
    if Path(models).is_dir():
        return Path(models).resolve().as_uri()
    bucket = models.removeprefix("s3://").removesuffix("/")
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        return bucket
    raise CommandError(
        f"--models: there is no folder {models!r}, and no bucket can have that name",
        advice="name a folder, s3://bucket or a bucket; models are found there by their whole keys",
    )


def prepare_models(root: Path, folder: Path) -> None:
    """Make the example models where this project has some; without them, others can be served."""
    if (root / "examples" / "prepare_models.py").exists():
        command = [sys.executable, "-m", "examples.prepare_models", "--out", str(folder)]
        if not folder.is_dir():
            remark(f"Making the example models in {folder} ...")
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            remark(f"The example models: {done.stderr.strip()}")
    elif not folder.is_dir():
        remark(f"There is no folder {folder} yet; --models names another place.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the address.

    Raises:
        CommandError: it cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason, advice = f"port {port} is taken", "stop what listens there, or choose a --port"
        else:
            reason, advice = f"cannot listen at {host}:{port}: {error}", "choose --host and --port"
        raise CommandError(reason, advice=advice) from error
    # asyncio does this for sockets that it made itself; without it an answer waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.set_inheritable(True)
    return listener


def name_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

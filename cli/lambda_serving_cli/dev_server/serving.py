"""The command ``lambda-serving dev``: check what it was told, then serve until interrupted."""

import errno
import re
import socket
import subprocess
import sys
from pathlib import Path

import uvicorn
from uvicorn.supervisors.watchfilesreload import FileFilter, WatchFilesReload

from lambda_serving.settings.runtime import read_runtime
from lambda_serving_cli.dev_server.log import set_up_logging
from lambda_serving_cli.dev_server.server import Options, keep_options
from lambda_serving_cli.files.root import find_root_or_cwd
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark, write_line

GRACE_SECONDS = 2
"""What requests under way have to end, at a reload or at the end."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays: longer than clients keep one, who else meet its end."""


def serve(
    functions: Path | None, models: str | None, host: str, port: int, reload: bool, as_json: bool
) -> None:
    """Serve until interrupted. With `as_json`, stdout is for records of statistics alone.

    Raises:
        CommandError: an option cannot be followed: which, and what to do.
    """
    root = find_root_or_cwd()  # not in the project, everything is named by options
    folder = find_functions(functions, root)
    bucket = find_models(models, root)
    if mistakes := read_runtime().mistakes:
        raise CommandError("; ".join(mistakes), advice="set it otherwise, or not at all")
    listener = listen(host, port)
    url = name_url(host, listener.getsockname()[1])
    keep_options(Options(str(folder), bucket, url, as_json))
    named = f"the bucket {bucket}" if "://" not in bucket else bucket
    tell = remark if as_json else write_line
    tell(f"Serving {folder} at {url}, with models of {named}. Ctrl-C ends it.")
    set_up_logging()
    run(listener, folder if reload else None)


class CodeFilter(FileFilter):
    """Takes new folders too.

    A folder is watched from a moment after it was made, and what was written into it before that
    moment is never told. Whoever loads at the word of the folder itself sees those files.
    """

    def __call__(self, path: Path) -> bool:
        is_code = path.name != "__pycache__" and not path.name.startswith(".")
        return super().__call__(path) or (is_code and path.is_dir())


def run(listener: socket.socket, watched: Path | None) -> None:
    """Run uvicorn in this process; or, to reload what changes in a folder, in another one."""
    config = uvicorn.Config(
        "lambda_serving_cli.dev_server.server:make_server",
        factory=True,
        lifespan="on",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        reload=watched is not None,
        reload_dirs=None if watched is None else [str(watched)],
        reload_includes=None if watched is None else ["*.py", "*.toml"],
    )
    server = uvicorn.Server(config)
    try:
        if watched is None:
            server.run(sockets=[listener])
        else:
            supervisor = WatchFilesReload(config, target=server.run, sockets=[listener])
            supervisor.watch_filter = CodeFilter(config)
            supervisor.run()
    except KeyboardInterrupt:
        pass  # uvicorn has shut down by then, and raises the signal again


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

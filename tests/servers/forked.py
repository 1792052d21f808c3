"""Processes with all their imports made: forked from one that has made them once.

A process that imports FastAPI, boto3 and NumPy anew takes one or two seconds of the processor. The
tests that are not about imports start theirs here: `Forked` and `run` are `subprocess.Popen` and
`subprocess.run` for Python's `-c` and for scripts such as `lambda-serving`. What begins there has
its own command line, environment, folder, files and session, as a program has.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent
STATUS = 100
"""Bytes of the longest message about a process."""


@dataclass(frozen=True)
class Origin:
    """What is forked: a Python that has imported modules, some of them from `folders`.

    A process of it finds what `folders` hold only if it looks there itself.
    """

    imports: tuple[str, ...]
    python: tuple[str, ...] = (sys.executable,)
    folders: tuple[str, ...] = ()


SERVING = Origin(
    (
        "boto3",
        "numpy",
        "obstore.store",
        "rich.progress",
        "rich.table",
        "lambda_serving_cli.main",
        "lambda_serving_cli.dev_server.serving",
        "lambda_serving_cli.dev_server.server",
        "lambda_serving.engines.custom",
    )
)
"""With what commands and a cold start import, but for the library of an engine."""
ENGINES = Origin(
    (*SERVING.imports, "onnxruntime", "joblib", "sklearn.linear_model", "xgboost", "lightgbm")
)
"""And with those libraries."""


class Server:
    """The process that has made the imports; it ends with this one."""

    def __init__(self, origin: Origin) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = ("AWS_", "SERVING_", "POWERTOOLS_")  # those of a test, and no other's
        environment = {n: v for n, v in os.environ.items() if not n.startswith(own)}
        with theirs:
            self._process = subprocess.Popen(
                [*origin.python, __file__, str(theirs.fileno()), json.dumps(asdict(origin))],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment, cwd=FOLDER,
            )  # fmt: skip
        atexit.register(self._end)

    def _end(self) -> None:
        self.control.close()
        self._process.wait(10)


start_server = cache(Server)


class Forked(subprocess.Popen[Any]):
    """A `Popen` whose process is forked from `origin`."""

    def __init__(self, args: Sequence[str], *, origin: Origin = SERVING, **options: Any) -> None:
        self._origin = origin
        super().__init__(args, **options)

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, close_fds: bool,
                       pass_fds: Any, cwd: Any, env: Any, startupinfo: Any, creationflags: Any,
                       shell: bool, p2cread: int, p2cwrite: int, c2pread: int, c2pwrite: int,
                       errread: int, errwrite: int, restore_signals: bool, gid: Any, gids: Any,
                       uid: Any, umask: int, start_new_session: bool, process_group: int,
                       ) -> None:  # fmt: skip
        assert not (shell or pass_fds or preexec_fn)
        self._status, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {
            "args": [os.fspath(each) for each in args],
            "cwd": os.fspath(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "session": start_new_session,
        }
        ends = (p2cread, c2pwrite, errwrite)
        files = [own if end == -1 else end for own, end in enumerate(ends)]
        with theirs:
            socket.send_fds(
                start_server(self._origin).control,
                [json.dumps(request).encode()],
                [*files, theirs.fileno()],
            )
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]
        self.pid = int(self._status.recv(STATUS))
        self._child_created = True

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        try:
            status = self._status.recv(STATUS, socket.MSG_DONTWAIT if wait_flags else 0)
        except BlockingIOError:
            return 0, 0
        self._status.close()
        return self.pid, int(status)

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def run(
    args: Sequence[str],
    *,
    origin: Origin = SERVING,
    input: str | bytes | None = None,
    timeout: float | None = None,
    check: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Forked(args, origin=origin, **options) as process:
        try:
            stdout, stderr = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(args, process.returncode, stdout, stderr)
    if check:
        done.check_returncode()
    return done


def make_imports(origin: dict[str, list[str]]) -> None:
    own = [path for path in sys.path if path != str(FOLDER)]
    sys.path[:] = [*origin["folders"], *own]
    for each in origin["imports"]:
        importlib.import_module(each)
    sys.path[:] = own


def fork_on_request(control: socket.socket) -> list[str]:
    """Fork for each request, and tell who asked how its process ended; returns in a process that
    was forked, with its command line. Ends with the asking process."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    from select import select

    while True:
        ready, _, _ = select([control, woken], [], [])
        if woken in ready:
            woken.recv(1000)
            report_ends(running)
        if control not in ready:
            continue
        text, files, _, _ = socket.recv_fds(control, 1 << 20, 4)
        if not text:
            sys.exit(0)
        with socket.socket(fileno=files[3]) as status:
            pid = os.fork()
            if pid == 0:
                for other in (control, woken, wake, *running.values()):
                    other.close()
                return become(json.loads(text), files[:3])
            status.send(str(pid).encode())
            running[pid] = status.dup()
        for file in files[:3]:
            os.close(file)


def report_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as asker:
            try:
                asker.send(str(status).encode())
            except OSError:
                pass  # nobody waits for it


def become(request: dict[str, Any], files: list[int]) -> list[str]:
    """Take all that a program gets from who starts it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # Python's own were made for other files, which could seek perhaps.
    sys.stdin = sys.__stdin__ = open(0, closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = open(
        2, "w", buffering=1, errors="backslashreplace", closefd=False
    )
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    args: list[str] = request["args"]
    return args


def run_program(args: list[str]) -> None:
    """`python -c code …`, or a script."""
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    if args[1:2] == ["-c"]:
        sys.path.insert(0, "")
        sys.argv = args[1:2] + args[3:]
        source, name = args[2], "<string>"
    else:
        sys.argv = args
        source, name = Path(args[0]).read_text(), args[0]
        main.__file__ = name
    exec(compile(source, name, "exec"), vars(main))


if __name__ == "__main__":
    make_imports(json.loads(sys.argv[2]))
    gc.collect()
    gc.freeze()
    run_program(fork_on_request(socket.socket(fileno=int(sys.argv[1]))))

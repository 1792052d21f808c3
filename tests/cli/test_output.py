"""What commands print: 80 columns and whole words on a terminal, nothing but text in a pipe."""

import io
import json
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.main import get_command

from lambda_serving_cli.main import app
from tests.cli.conftest import Copy, copy_project
from tests.functional.registry import BUCKET, Registry
from tests.servers.cloudwatch import CloudWatch
from tests.unit.stats_log import Log, serve

COLUMNS = 80
METADATA = {
    "default": "1",
    "versions": {"1": {"engine": "lightgbm", "loaded": True}, "candidate": {"engine": "sklearn"}},
    "traffic": {"1": 0.75, "candidate": 0.25},
    "taken_out": {"candidate": "15 of its last 20 requests failed, the last one by \x1b]0;E\x07"},
}
MODEL = ("--project", "p", "--name", "n", "--state", "registry")
COMMANDS = [
    ("stats", "--state", "logs"),
    ("logs", "--state", "logs"),
    ("model", "list", "--state", "registry"),
    ("model", "show", *MODEL),
    ("model", "show", *MODEL, "--version", "2"),
    ("endpoints", "--state", "api"),
    ("validate", "--no-models"),
    ("cost",),
    ("cost", "iris", "--state", "logs"),
    ("metrics", "list"),
]
FAILURES = [
    ("invoke", "nobody", "--state", "api"),
    ("model", "remove", "--endpoint", "nobody", "--yes"),
    ("model", "list", "--state", "no/such/folder/of/a/local/cloud/whose/path/is/wider/than/it"),
    ("model", "add", "--engine", "sklearn", "--endpoint", "new", "--state", "registry"),
    ("invoke", "iris", "--data", "[1, 2]", "--state", "api"),
]
"""Commands that end with a message on stderr; the last two are wrong usage."""

ENDPOINT = "an_endpoint_with_a_name_that_is_as_long_as_48"

LINE = json.dumps(
    {
        "level": "ERROR",
        "message": "the quick brown fox jumps over the lazy dog, \x1b[31m and on it goes for long",
        "exception": 'Traceback (most recent call last):\n  File "a.py", line 1, in b\nKeyError: 1',
    }
)


class Metadata(BaseHTTPRequestHandler):
    """What an endpoint tells of itself."""

    def do_GET(self) -> None:
        body = json.dumps(METADATA).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A project with an endpoint that is wrong, beside clouds with logs, models and endpoints."""
    copy = copy_project(tmp_path_factory.mktemp("output") / "project")
    copy.write(f"functions/{ENDPOINT}/endpoint.toml", f'endpoint = "{ENDPOINT}"\nengine = "abc"\n')
    with ExitStack() as servers:
        logs = servers.enter_context(CloudWatch())
        log = Log()
        statistics = log.open("iris")
        serve(statistics, {"x": 1.0, "y": ["a", "b"], "last": 2.0, "sold": 4})
        with pytest.raises(ValueError), statistics.begin_request("r"):
            raise ValueError("no")
        logs.add("iris", *(event.message for event in log.events), LINE)
        logs.add(ENDPOINT, LINE)
        registry = servers.enter_context(Registry(copy.root))
        registry.fill()
        http = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        servers.callback(http.server_close)
        servers.callback(http.shutdown)
        url = f"http://127.0.0.1:{http.server_address[1]}"
        for state, aws in (("logs", logs.url), ("registry", registry.s3.endpoint), ("api", url)):
            functions = {name: f"lambda-serving-{name}" for name in ("iris", ENDPOINT)}
            stack = {"api_url": url, "aws_endpoint_url": aws, "region": "us-east-1"}
            stack |= {"stack_name": "lambda-serving", "model_bucket": BUCKET}
            copy.write(f"{state}/stack.json", json.dumps(stack | {"functions": functions}))
        yield copy


Run = Callable[[Path, tuple[str, ...], Any], None]


def run(root: Path, arguments: tuple[str, ...], file: Any) -> None:
    with chdir(root), redirect_stdout(file), redirect_stderr(io.StringIO()):
        get_command(app).main(list(arguments), "lambda-serving", standalone_mode=False)


def fail(root: Path, arguments: tuple[str, ...], file: Any) -> None:
    """The same of a command that fails, with what it writes to stderr."""
    with chdir(root), redirect_stdout(io.StringIO()), redirect_stderr(file):
        with pytest.raises(SystemExit):
            get_command(app).main(list(arguments), "lambda-serving")


def read_piped(root: Path, arguments: tuple[str, ...], run: Run = run) -> str:
    """What a command writes to a pipe."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="utf-8")
    run(root, arguments, file)
    file.flush()
    return raw.getvalue().decode()


def read_terminal(root: Path, arguments: tuple[str, ...], run: Run = run) -> str:
    """What a command shows on a terminal, without colours."""
    leader, follower = os.openpty()
    seen = bytearray()

    def collect() -> None:
        try:
            while data := os.read(leader, 1 << 16):
                seen.extend(data)
        except OSError:  # the other side is closed
            pass

    reader = threading.Thread(target=collect)
    reader.start()
    with open(follower, "w", encoding="utf-8") as file:  # noqa: PTH123
        run(root, arguments, file)
    reader.join(30)
    os.close(leader)
    return re.sub(r"\x1b\[[\d;]*m", "", seen.decode()).replace("\r\n", "\n")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def list_words(text: str) -> set[str]:
    """But for times, which go on, and are longer in a pipe."""
    words = {word.strip(",;") for word in text.split()}
    return {word for word in words if not re.fullmatch(r"[\dT-]*\d\d:\d\d:\d\d[\d:.+-]*", word)}


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_output_fits_a_terminal_and_is_plain_in_a_pipe(
    project: Copy, arguments: tuple[str, ...]
) -> None:
    piped = read_piped(project.root, arguments)
    shown = read_terminal(project.root, arguments)
    assert piped.strip() and not re.search("[\x1b\u2500-\u259f]|[ \t]$", piped, re.MULTILINE), piped
    wide = [line for line in shown.splitlines() if cell_len(line) > COLUMNS]
    assert not wide, "\n".join(wide)
    assert list_words(piped) <= list_words(shown), list_words(piped) - list_words(shown)
    assert "\x1b" not in shown


@pytest.mark.parametrize("arguments", FAILURES, ids=" ".join)
def test_messages_fit_a_terminal_and_are_whole_in_a_pipe(
    project: Copy, arguments: tuple[str, ...]
) -> None:
    piped = read_piped(project.root, arguments, fail)
    shown = read_terminal(project.root, arguments, fail)
    assert shown != piped and " ".join(shown.split()) == " ".join(piped.split())
    # Commands and paths are whole, to be copied.
    assert set(re.findall("`[^`]+`", piped)) == set(re.findall("`[^`\n]+`", shown))
    wide = [line for line in shown.splitlines() if cell_len(line) > COLUMNS]
    assert not [line for line in wide if " " in line.strip()], shown


def list_commands(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Every command and every group, by its names."""
    yield names
    for name, each in getattr(command, "commands", {}).items():
        yield from list_commands(each, *names, name)


@pytest.mark.parametrize("names", list(list_commands(get_command(app))), ids=" ".join)
def test_help_can_be_read_and_copied(names: tuple[str, ...], tmp_path: Path) -> None:
    piped = read_piped(tmp_path, (*names, "--help"))
    assert piped == read_terminal(tmp_path, (*names, "--help"))
    assert not [line for line in piped.splitlines() if len(line) > COLUMNS]
    examples = re.findall(r"^ +(?:.*\| )?(lambda-serving (?:.*\\\n)*.*)", piped, re.MULTILINE)
    assert examples or "COMMAND [ARGS]" in piped
    for example in examples:
        _, *arguments = shlex.split(example.replace("\\\n", ""))
        command: Any = get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        command.make_context(None, arguments)

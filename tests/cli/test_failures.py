"""Commands end in a message, never in a traceback, and say what is wrong and where."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from lambda_serving_cli.commands.failures import Commands
from tests.cli.conftest import COMMAND, Copy
from tests.servers import forked
from tests.servers.dev_server import clean_environment

TEMPLATE, TOML = "template.yaml", "functions/filetype/endpoint.toml"
ADD = ("metrics", "add", "--endpoint", "filetype", "--variable-value", "v")
NEW = ("new", "churn", "--engine", "custom")
VALIDATE = ("validate", "--no-models")
UPLOAD = ("model", "upload", "--project", "p", "--name", "n", "model.json", "--framework", "custom")
LAUGHS = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def make_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


def make_fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def make_file_of_folder(path: Path) -> None:
    path.write_bytes(b"")


NESTED = b"a = " + b"[" * 5000 + b"]" * 5000


@pytest.mark.parametrize(
    ("command", "name", "spoil", "told"),
    [
        (VALIDATE, TEMPLATE, write(f"a0: &a0 [x]\n{LAUGHS}".encode()), "its aliases expand to"),
        (VALIDATE, TEMPLATE, write(b"a: &a [*a, *a]"), "line 1: an alias refers to what it is in"),
        (VALIDATE, TEMPLATE, write(b"a: &a {b: {c: *a}}"), "an alias refers to what it is in"),
        (NEW, TEMPLATE, write(b"[" * 200_000), "line 1: nested deeper than 60 levels"),
        (NEW, TEMPLATE, write(b"- " * 15_000), "line 1: nested deeper than 60 levels"),
        (NEW, TEMPLATE, write(b"{" * 90 + b"}" * 90), "nests too deeply"),
        (NEW, TEMPLATE, write(b"a: \xff"), "template.yaml: not UTF-8: byte 0xff at offset 3"),
        (("monitoring",), TEMPLATE, write(b"\xff"), "template.yaml: not UTF-8"),
        (NEW, TEMPLATE, make_folder, "template.yaml: expected a file, found a folder"),
        (("monitoring",), TEMPLATE, make_fifo, "template.yaml: expected a file, found a FIFO"),
        (NEW, "template.yaml", write(b""), "expected a mapping"),
        (ADD, TOML, write(NESTED), "not TOML: TOML value nested more than 100 levels deep"),
        (ADD, TOML, write(b"\xfe\xff"), "endpoint.toml: not UTF-8: byte 0xfe at offset 0"),
        (ADD, TOML, make_folder, "there is no endpoint 'filetype'"),
        (("monitoring",), TOML, write(NESTED), "endpoint.toml: nested too deeply"),
        (("monitoring",), TOML, make_folder, "expected a file, found a folder"),
        (("monitoring",), TOML, make_fifo, "expected a file, found a FIFO"),
        (VALIDATE, ".local", make_file_of_folder, ""),
        (ADD, ".local", make_file_of_folder, ".local: File exists"),
        (NEW, "functions/churn", make_file_of_folder, "there is functions/churn"),
        (("stats",), ".local/stack.json", write(b'{"api_url": "http'), "stack.json cannot be read"),
        (("stats",), ".local/stack.json", write(b"[" * 90_000), "stack.json cannot be read"),
        (("stats",), ".local/stack.json", write(b"\xff\xfe"), "stack.json cannot be read"),
        (("stats",), ".local/stack.json", write(b'{"a": 1}'), "stack.json cannot be read"),
        (("stats",), ".local/stack.json", make_folder, "stack.json cannot be read"),
        (("local", "down"), ".local/process.json", write(b'{"pid": 1'), "process.json cannot be"),
        (("local", "down"), ".local/process.json", write(b"{}"), "process.json cannot be read"),
        (("stats", "--aws"), "samconfig.toml", write(NESTED), "samconfig.toml: maximum recursion"),
        (("stats", "--aws"), "samconfig.toml", write(b"\xff"), "samconfig.toml: 'utf-8' codec"),
        (("stats", "--aws"), "samconfig.toml", make_folder, "samconfig.toml"),
        ((*UPLOAD, "--sample", "s"), "s", make_fifo, "s: expected a file, found a FIFO"),
        ((*UPLOAD, "--sample", "s"), "s", make_folder, "s: expected a file, found a folder"),
        ((*UPLOAD, "--sample", "s"), "s", write(b"[" * 90_000), "sample s: the body is not JSON"),
        ((*UPLOAD, "--sample", "s"), "s", write(b"\xff"), "sample s: the body is not JSON"),
        ((*UPLOAD, "--sample", "/dev/zero"), "s", write(b""), "found a device"),
        (("invoke", "x", "--data", "@s"), "s", make_folder, "s: Is a directory"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be(
    project: Copy, command: tuple[str, ...], name: str, spoil: Callable[[Path], object], told: str
) -> None:
    project.write("model.json", "{}")
    (project.root / ".local").mkdir(exist_ok=name != ".local") if name != ".local" else None
    spoil(project.root / name)
    done = project.run(*command, env={"AWS_DEFAULT_REGION": "us-east-1"})
    text = " ".join((done.stderr + done.stdout).decode().replace("│", " ").split())
    assert done.returncode == (1 if told else 0), text
    assert told in text
    assert "Traceback" not in text and "unforeseen" not in text


def test_validate_tells_a_file_that_nests_too_deeply_beside_the_rest(project: Copy) -> None:
    project.write(TOML, NESTED.decode())
    project.write("functions/iris_onnx/preprocess.py", f"x = {'(' * 9000}{')' * 9000}")
    findings = json.loads(project.run(*VALIDATE, "--json").stdout)["findings"]
    told = {each["endpoint"]: each["problem"] for each in findings}
    assert told["filetype"].startswith("not TOML: maximum recursion depth")
    assert told["iris_onnx"] == "line 1: too many nested parentheses"


def test_line_ends_of_windows_stay(project: Copy) -> None:
    for name in (TEMPLATE, TOML):
        project.write(name, project.read(name).replace("\n", "\r\n"))
    project.do(*ADD)
    project.do(*NEW)
    for name in (TEMPLATE, TOML):
        assert "\r\n" in project.read(name)
        assert "\n" not in project.read(name).replace("\r\n", "")
    assert "[metrics.variables.v]" in project.read(TOML)
    assert "Metrics" in project.read(TEMPLATE) and "lambda-serving-churn" not in project.read(TOML)
    assert project.ask("monitoring", "--check") == {"changes": [], "written": False}
    assert project.ask(*VALIDATE)["findings"] == []


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a\n  b"), KeyError("k"), AssertionError(), RecursionError(), MemoryError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied", "/etc/x"), TimeoutError("t"),
        ExceptionGroup("g", [ValueError()]),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        ValueError("x" * 9999),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_a_command_raises_is_one_message(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing = typer.Typer(cls=Commands)

    @failing.callback()
    def root(debug: bool = typer.Option(False, envvar="SERVING_DEBUG")) -> None: ...

    @failing.command()
    def fail() -> None:
        raise error

    for variable, is_shown in (("", False), ("1", True)):
        monkeypatch.setenv("SERVING_DEBUG", variable)
        with pytest.raises(SystemExit) as ended:
            failing(["fail"])
        assert ended.value.code == 1
        output, text = capfd.readouterr()
        assert output == ""
        assert ("Traceback" in text) == is_shown
        message = text[text.index("What went wrong: ") :]
        assert len(message.strip().splitlines()) <= 2 and len(message) < 1000
        expected = getattr(error, "strerror", None) or getattr(error, "reason", None) or "What"
        assert expected in message


def test_the_switch_is_in_the_help(project: Copy) -> None:
    text = project.do("--help", env={"COLUMNS": "200"})
    assert "--debug" in text and "SERVING_DEBUG" in text
    project.write(TEMPLATE, "[]")
    done = project.run("--debug", *NEW)
    assert b"Traceback" in done.stderr and b"expected a mapping" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["metrics", "list"], ["metrics", "list", "--json"], [*VALIDATE, "--json"]]
)
@pytest.mark.parametrize(
    ("output", "told"), [("/dev/full", b"No space left"), ("pipe", b""), ("closed", b"")]
)
def test_output_that_takes_nothing(
    project: Copy, arguments: list[str], output: str, told: bytes
) -> None:
    command = [COMMAND, *arguments]
    options: dict[str, Any] = {"cwd": project.root, "env": clean_environment(), "timeout": 600}
    options["stderr"] = subprocess.PIPE
    if output == "closed":  # which Python sees as it starts
        done = subprocess.run(["bash", "-c", '"$@" >&-', "bash", *command], **options)
    elif output == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
        done = forked.run(command, stdout=writer, **options)
        os.close(writer)
    else:
        with Path(output).open("wb") as file:
            done = forked.run(command, stdout=file, **options)
    assert done.returncode == (1 if told else done.returncode)
    assert told in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    if not told:
        assert done.stderr == b""

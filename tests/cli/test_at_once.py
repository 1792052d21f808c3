"""Commands at once: each edits what the one before has written, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

from lambda_serving_cli.files import lock as edits
from tests.cli.conftest import COMMAND, Copy
from tests.servers import forked
from tests.servers.dev_server import clean_environment

TEMPLATE, TOML = "template.yaml", "functions/filetype/endpoint.toml"
ADD = ("metrics", "add", "--endpoint", "filetype", "--variable-value", "v")
VALIDATE = ("validate", "--no-models")


FORKING = """
import json, os, sys
from lambda_serving_cli.main import app

children = []
for number, command in enumerate(json.loads(sys.argv[1])):
    if not (child := os.fork()):
        os.dup2(os.open(f"{number}.err", os.O_WRONLY | os.O_CREAT), 2)
        app(command)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
open("codes.json", "w").write(json.dumps(codes))
"""


def run_at_once(project: Copy, commands: list[list[str]]) -> list[str]:
    """Run all of them at once, each in a process of its own; what those wrote that failed.

    They are forked with all imports made, so that they meet in the files and not in the imports.
    """
    forked.run(
        [sys.executable, "-c", FORKING, json.dumps(commands)],
        cwd=project.root, env=clean_environment(), stdout=subprocess.DEVNULL, check=True,
        timeout=600,
    )  # fmt: skip
    codes = json.loads((project.root / "codes.json").read_text())
    errors = [(project.root / f"{number}.err").read_text() for number in range(len(commands))]
    return [text for code, text in zip(codes, errors, strict=True) if code]


def test_commands_at_once_lose_nothing(project: Copy) -> None:
    """Eight variables of one endpoint, and eight new functions, beside each other."""
    add = ["metrics", "add", "--endpoint", "filetype", "--variable-value"]
    commands = [[*add, f"v{number}"] for number in range(8)]
    commands += [["new", f"new{number}", "--engine", "custom"] for number in range(8)]
    assert run_at_once(project, commands) == []
    metrics = project.ask("metrics", "list", "--endpoint", "filetype")["filetype"]
    assert set(metrics["variables"]) == {"label", "score", *(f"v{n}" for n in range(8))}
    for number in range(8):
        assert f"FunctionName: !Sub ${{AWS::StackName}}-new{number}\n" in project.read(TEMPLATE)
    assert project.ask(*VALIDATE)["findings"] == []


def test_one_name_at_once_is_taken_once(project: Copy) -> None:
    commands = [["new", "churn", "--engine", "custom"] for _ in range(4)]
    refused = run_at_once(project, commands)
    assert len(refused) == 3
    assert all("the name 'churn' is taken" in text for text in refused)
    assert project.ask(*VALIDATE)["findings"] == []


def test_a_command_waits_for_another_and_a_killed_one_leaves_no_lock(project: Copy) -> None:
    lock = project.root / ".local" / "edit.lock"
    lock.parent.mkdir()
    code = (
        "import fcntl, sys, time\nfile = open(sys.argv[1], 'a')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\nprint('held', flush=True)\ntime.sleep(600)"
    )
    holder = subprocess.Popen(["python3", "-c", code, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        waiting = forked.Forked(
            [COMMAND, *ADD], cwd=project.root, env=clean_environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert waiting.stderr is not None
        assert b"Another command holds" in waiting.stderr.readline()
        assert "[metrics.variables.v]" not in project.read(TOML)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    waiting.communicate(timeout=600)
    assert waiting.returncode == 0
    assert "[metrics.variables.v]" in project.read(TOML)


def test_a_lock_is_held_twice_by_one_command_alone(tmp_path: Path) -> None:
    with edits.edit_project(tmp_path):
        with edits.edit_project(tmp_path):
            pass
        held = subprocess.run(["flock", "-n", str(tmp_path / ".local" / "edit.lock"), "true"])
        assert held.returncode == 1
    assert (
        subprocess.run(["flock", "-n", str(tmp_path / ".local" / "edit.lock"), "true"]).returncode
        == 0
    )

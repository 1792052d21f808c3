"""The daily loop: from an edit to its answer, and down; of this tree and of an older one.

    uv run python -m bench.loop [--base a941339]

Each tree is copied with endpoints that its own command line adds, then built and deployed to a
local cloud of its own: that takes minutes, and is no part of `make bench` unless it is asked for.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.local_cloud.layout import find_uv
from tests.servers.built import PROJECT
from tests.servers.runtime_api import find_free_port

BASE = "a941339"
"""The tree before functions were updated one by one."""

ENDPOINTS = 24
EDITED = "loop_01"
CODE = f"functions/{EDITED}/preprocess.py"
ROUNDS = 3

TARGETS = {"edit to answer": 8.0, "up, nothing changed": 8.0, "down": 5.0}
"""Seconds on two cores that do nothing else."""


@dataclass(frozen=True)
class Times:
    """Seconds of one tree, by what was done."""

    tree: str
    seconds: dict[str, float]


class Tree:
    """A copy of a commit, or of the files as they are, with endpoints of its own."""

    def __init__(self, folder: Path, commit: str | None) -> None:
        self.root = folder
        self._port = str(find_free_port())
        self._env = {
            name: value
            for name, value in os.environ.items()
            if name not in ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
        } | {"PATH": f"{Path(find_uv()).parent}{os.pathsep}{os.environ['PATH']}"}
        folder.mkdir(parents=True)
        files = (
            ["git", "archive", commit]
            if commit
            else ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        )
        listed = subprocess.run(files, cwd=PROJECT, check=True, capture_output=True).stdout
        if commit:
            subprocess.run(["tar", "-x"], cwd=folder, input=listed, check=True)
        else:
            copy = ["tar", "--create", "--null", "--files-from=-"]
            packed = subprocess.run(
                copy, cwd=PROJECT, input=listed, check=True, capture_output=True
            )
            subprocess.run(["tar", "-x"], cwd=folder, input=packed.stdout, check=True)
        local = folder / ".local"
        local.mkdir()
        for name in ("models", "models.stamps", "ministack"):
            if (PROJECT / ".local" / name).exists():
                shutil.copytree(PROJECT / ".local" / name, local / name, symlinks=True)
        self._run(find_uv(), "sync", "--locked", "--quiet")
        have = len(list((folder / "functions").glob("*/endpoint.toml")))
        for number in range(1, ENDPOINTS - have + 1):
            self.call("new", f"loop_{number:02}", "--engine", "custom")

    def call(self, *arguments: str) -> float:
        """Run the tree's own `lambda-serving`; gives the seconds that it took."""
        started = time.monotonic()
        self._run(str(self.root / ".venv" / "bin" / "lambda-serving"), *arguments)
        return time.monotonic() - started

    def up(self) -> float:
        return self.call("local", "up", "--port", self._port)

    def down(self) -> float:
        return self.call("local", "down")

    def edit(self) -> float:
        """Change a line, bring it up and see that the answer has changed; gives the seconds."""
        code = self.root / CODE
        mark = f"edited_{time.monotonic_ns()}"
        text = code.read_text()
        at = text.rindex("    def ")
        code.write_text(f"{text[:at]}    {mark} = 1\n\n{text[at:]}")
        took = self.up()
        assert mark in self._read_deployed(), "the edit did not arrive"
        return took

    def _read_deployed(self) -> str:
        """The code that the alias stands for."""
        import io
        import zipfile

        import boto3

        stack = json.loads((self.root / ".local" / "stack.json").read_text())
        client = boto3.client(
            "lambda", endpoint_url=stack["aws_endpoint_url"], region_name=stack["region"],
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip
        found = client.get_function(FunctionName=stack["functions"][EDITED], Qualifier="live")
        with urllib.request.urlopen(found["Code"]["Location"]) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.read()))
        return archive.read("preprocess.py").decode()

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd=self.root, env=self._env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-3000:]}")


@contextmanager
def make_tree(folder: Path, commit: str | None) -> Iterator[Tree]:
    tree = Tree(folder, commit)
    try:
        tree.up()
        yield tree
    finally:
        tree.down()


def run(base: str, rounds: int, tell: Callable[[str], None]) -> list[Times]:
    """Both trees, one after the other; the best of some rounds."""
    found = []
    local = PROJECT / ".local"
    with tempfile.TemporaryDirectory(dir=local, prefix="loop-") as scratch:
        for name, commit in ((base, base), ("this tree", None)):
            tell(f"daily loop of {name}: {ENDPOINTS} endpoints, deployed for the first time")
            with make_tree(Path(scratch, name.replace(" ", "-")), commit) as tree:
                edits, ups, downs = [], [], []
                for number in range(rounds):
                    tell(f"daily loop of {name}: round {number + 1}")
                    edits.append(tree.edit())
                    ups.append(tree.up())
                downs.append(tree.down())
            times = {"edit to answer": min(edits), "up, nothing changed": min(ups)}
            found.append(Times(name, times | {"down": min(downs)}))
    return found


def describe(times: list[Times]) -> list[str]:
    """A line for each thing that was done: both trees, their ratio, and the target."""
    before, after = times
    return [
        f"{what}, {ENDPOINTS} endpoints: {old:.1f} s before ({before.tree}), "
        f"{after.seconds[what]:.1f} s now, ratio {after.seconds[what] / old:.2f} "
        f"(target {TARGETS[what]:.0f} s on two idle cores)"
        for what, old in before.seconds.items()
    ]


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.loop", description=__doc__.splitlines()[0])
    parser.add_argument("--base", default=BASE, help="commit to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    times = run(arguments.base, arguments.rounds, tell)
    for line in describe(times):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()

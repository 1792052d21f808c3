"""The command line as a user types it, in a copy of the project."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.servers import forked
from tests.servers.built import PROJECT
from tests.servers.dev_server import clean_environment
from tests.servers.program import run_here

COMMAND = str(Path(sys.executable).with_name("lambda-serving"))
LEFT_OUT = ("__pycache__", "*.pyc")


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class Copy:
    """A project of the user's own."""

    root: Path

    def run(
        self, *arguments: str, answer: bytes = b"", env: Mapping[str, str] = MappingProxyType({})
    ) -> Done:
        """Run a command in the project's folder, in this process; it must not fail by itself."""
        done = run_here(self.root, *arguments, answer=answer, env=self._make_more(env))
        return Done(done.exit_code, done.stdout_bytes, done.stderr_bytes)

    def type(
        self,
        *arguments: str,
        answer: bytes = b"",
        env: Mapping[str, str] = MappingProxyType({}),
        timeout: float = 120,
    ) -> Done:
        """The same by a process of its own, as in a terminal."""
        done = forked.run(
            [COMMAND, *arguments], cwd=self.root, env=clean_environment(**self._make_more(env)),
            timeout=timeout, input=answer, capture_output=True,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return Done(done.returncode, done.stdout, done.stderr)

    def _make_more(self, more: Mapping[str, str]) -> dict[str, str]:
        # No profile, no credentials and no metadata service of this machine.
        home = {"HOME": str(self.root), "XDG_CACHE_HOME": str(self.root / ".cache")}
        return home | dict(more)

    def do(self, *arguments: str, **more: Any) -> str:
        """What a command prints that succeeds."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def ask(self, *arguments: str, **more: Any) -> Any:
        """The JSON of a command that succeeds: all it prints."""
        return json.loads(self.do(*arguments, "--json", **more))

    def refuse(self, code: int, *arguments: str, **more: Any) -> str:
        """The message of a command that ends with `code`, and has changed nothing."""
        before = self.snapshot()
        done = self.run(*arguments, **more)
        assert done.returncode == code, (done.stdout + done.stderr).decode()
        assert self.snapshot() == before
        assert "--json" in arguments or done.stdout == b""
        # Messages are framed, and wrapped within the frame.
        return " ".join(done.stderr.decode().replace("│", " ").split())

    def copy(self, root: Path) -> "Copy":
        """The same project in another folder."""
        return Copy(copytree(self.root, root))

    def snapshot(self) -> dict[str, bytes]:
        """Every file's content, but for what commands wait for each other by."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in files
            if ".cache" not in path.parts and path.name != "edit.lock"
        }

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path


@pytest.fixture
def project(tmp_path: Path) -> Copy:
    return copy_project(tmp_path / "project")


def copy_project(root: Path, *more: str) -> Copy:
    """Template, settings and endpoints of this project; and further folders of it."""
    root.mkdir()
    for name in ("template.yaml", "monitoring.yaml", "samconfig.toml", "pyproject.toml"):
        (root / name).write_bytes((PROJECT / name).read_bytes())
    for name in ("functions", *more):
        copytree(PROJECT / name, root / name, ignore=ignore_patterns(*LEFT_OUT))
    return Copy(root)

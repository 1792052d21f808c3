"""`sam build`, when its inputs changed."""

import hashlib
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.files.lock import hold
from lambda_serving_cli.local_cloud.layout import Layout, environment_with_uv, find_tool
from lambda_serving_cli.project.monitoring import update_monitoring
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.steps import Steps, run_logged
from lambda_serving_cli.validation.report import refuse_misfits
from lambda_serving_cli.validation.sizes import require_fit

BUILD_STEP = "sam build: functions and layers"

INPUTS = ("template.yaml", "monitoring.yaml", "samconfig.toml", "layers", "functions")
SCRIPTS = ("Makefile", "attached.py", "kept.py", "package.py", "wheels.py")
"""What builds everything, in layers/ and in no function's or layer's own folder: SAM's cache, which
looks at those folders, does not see it change."""

ADVICE = "read the log; after a fix, `make up` (or `make build`) goes on from here"


@dataclass(frozen=True)
class Build:
    """Where a build goes, and for which processor (`x86_64`, `arm64`, or `host`: see below)."""

    root: Path
    target: Path
    cache: Path
    stamp: Path
    architecture: str

    @property
    def inputs(self) -> str:
        """What the result depends on, as a hash."""
        return hash_files(self.root, INPUTS, self.architecture)

    @property
    def overrides(self) -> list[str]:
        """The template's parameters that go with the processor, as options of `sam`."""
        if self.architecture == "arm64":
            return ["--parameter-overrides", "Architecture=arm64"]
        return []

    def run(self, log: Path, environment: Mapping[str, str]) -> bool:
        """Build unless nothing changed. Returns whether it did.

        Raises:
            CommandError: `sam build` failed.
        """
        inputs = self.inputs
        if (self.target / "template.yaml").exists() and read(self.stamp) == inputs:
            return False
        scripts = hash_files(self.root / "layers", SCRIPTS, self.architecture)
        scripts_stamp = self.cache / "scripts.sha256"
        if read(scripts_stamp) != scripts:
            shutil.rmtree(self.cache, ignore_errors=True)
        self.stamp.unlink(missing_ok=True)
        command = [find_tool("sam"), "build", "--cached", "--parallel"]
        command += ["--build-dir", str(self.target), "--cache-dir", str(self.cache)]
        environment = {
            **environment,
            "LAMBDA_ARCHITECTURE": self.architecture,
            "UV_PYTHON": sys.executable,
        }
        run_logged(command + self.overrides, log, cwd=self.root, env=environment, advice=ADVICE)
        write_atomically(scripts_stamp, scripts)
        write_atomically(self.stamp, inputs)
        return True


def plan_build(layout: Layout) -> Build:
    """The build of a local cloud, for this very machine."""
    return Build(
        root=layout.root,
        target=layout.build,
        cache=layout.cache,
        stamp=layout.stamp("build"),
        architecture=find_architecture(),
    )


def build_for_aws(project: Project, architecture: str) -> tuple[Path, bool]:
    """Build into .aws-sam, where `sam deploy` looks; returns the folder and whether it is new.

    Raises:
        CommandError: `sam build` failed, or a function does not fit.
    """
    output = project.root / ".aws-sam"
    output.mkdir(exist_ok=True)
    build = Build(
        root=project.root,
        target=output / "build",
        cache=output / "cache",
        stamp=output / "build.stamp",
        architecture=architecture,
    )
    with Steps(1).step(BUILD_STEP) as step, hold(output / "build.lock"):
        is_new, largest = run_build(project, build, output / "build.log")
        step.outcome = f"{f'in {build.target}' if is_new else 'unchanged'}, {largest}"
    return build.target, is_new


def run_build(project: Project, build: Build, log: Path) -> tuple[bool, str]:
    """Build what changed; returns whether anything was built, and the size of the largest function.

    Raises:
        CommandError: `sam build` failed, or a function does not fit.
    """
    update_monitoring(project.root)
    refuse_misfits(project)
    is_new = build.run(log, environment_with_uv())
    return is_new, require_fit(project, build.target)


def find_architecture() -> str:
    """What functions that run on this very machine are built for.

    `host` is for machines that are not Linux: there wheels for Lambda do not load, and the local
    cloud, which has no containers, runs the functions with wheels of the machine's own.
    """
    if sys.platform != "linux":
        return "host"
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def hash_files(root: Path, names: tuple[str, ...], *more: str) -> str:
    """Hash names and contents of files and folders below `root`, and some strings more."""
    digest = hashlib.sha256("\0".join(more).encode())
    for name in names:
        for path in list_files(root / name):
            digest.update(f"\0{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def list_files(path: Path) -> Iterator[Path]:
    """The file itself or the files below a folder, sorted, without what interpreters leave."""
    if path.is_file():
        yield path
    for found in sorted(path.rglob("*")):
        if found.is_file() and "__pycache__" not in found.parts:
            yield found


def read(path: Path) -> str:
    """The text of a file, empty where there is none."""
    return path.read_text(errors="replace") if path.exists() else ""

"""`sam build`, when its inputs changed; the functions alone, when nothing else did."""

import platform
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.files.lock import hold
from lambda_serving_cli.local_cloud.fingerprint import (
    Fingerprint,
    hash_files,
    parse_fingerprint,
    take_fingerprint,
)
from lambda_serving_cli.local_cloud.functions import build_function, find_targets
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
class Changes:
    """What was built or deployed: everything, some functions alone, or nothing."""

    everything: bool = False
    functions: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.everything or bool(self.functions)

    def describe(self, verb: str) -> str:
        """`built`, `iris_onnx built`, `unchanged`."""
        if self.everything:
            return verb
        return f"{', '.join(self.functions)} {verb}" if self.functions else "unchanged"


@dataclass(frozen=True)
class Build:
    """Where a build goes, and for which processor (`x86_64`, `arm64`, or `host`: see below)."""

    root: Path
    target: Path
    cache: Path
    stamp: Path
    architecture: str

    @property
    def inputs(self) -> Fingerprint:
        """What the result depends on."""
        return take_fingerprint(self.root, INPUTS, self.architecture)

    @property
    def built(self) -> Fingerprint | None:
        """What was built last; None where nothing is there."""
        exists = (self.target / "template.yaml").exists()
        return parse_fingerprint(read(self.stamp)) if exists else None

    @property
    def overrides(self) -> list[str]:
        """The template's parameters that go with the processor, as options of `sam`."""
        if self.architecture == "arm64":
            return ["--parameter-overrides", "Architecture=arm64"]
        return []

    def run(
        self, log: Path, environment: Mapping[str, str], only: Collection[str] | None = None
    ) -> Changes:
        """Build what changed; where nothing but functions did, those, or those of them in `only`.

        Raises:
            CommandError: it failed.
        """
        environment = {
            **environment,
            "LAMBDA_ARCHITECTURE": self.architecture,
            "UV_PYTHON": sys.executable,
        }
        now, before = self.inputs, self.built
        changed = now.find_changes(before)
        if before is not None and changed is not None:
            changed = [name for name in changed if only is None or name in only]
            targets = find_targets(self.root, self.target, changed)
            if all(target.is_plain for target in targets):
                for target in targets:
                    build_function(target, self.root, log, environment, ADVICE)
                write_atomically(self.stamp, now.keep(before, changed).write())
                return Changes(functions=tuple(changed))
        self._run_sam(log, environment)
        write_atomically(self.stamp, now.write())
        return Changes(everything=True)

    def _run_sam(self, log: Path, environment: Mapping[str, str]) -> None:
        scripts = hash_files(self.root / "layers", SCRIPTS, self.architecture)
        scripts_stamp = self.cache / "scripts.sha256"
        if read(scripts_stamp) != scripts:
            shutil.rmtree(self.cache, ignore_errors=True)
        self.stamp.unlink(missing_ok=True)
        command = [find_tool("sam"), "build", "--cached", "--parallel"]
        command += ["--build-dir", str(self.target), "--cache-dir", str(self.cache)]
        run_logged(command + self.overrides, log, cwd=self.root, env=environment, advice=ADVICE)
        write_atomically(scripts_stamp, scripts)


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
        changes, largest = run_build(project, build, output / "build.log")
        step.outcome = f"{changes.describe(f'in {build.target}')}, {largest}"
    return build.target, bool(changes)


def run_build(
    project: Project, build: Build, log: Path, only: Collection[str] | None = None
) -> tuple[Changes, str]:
    """Build what changed; returns what was built, and the size of the largest function.

    Raises:
        CommandError: `sam build` failed, or a function does not fit.
    """
    update_monitoring(project.root)
    refuse_misfits(project)
    changes = build.run(log, environment_with_uv(), only)
    return changes, require_fit(project, build.target)


def find_architecture() -> str:
    """What functions that run on this very machine are built for.

    `host` is for machines that are not Linux: there wheels for Lambda do not load, and the local
    cloud, which has no containers, runs the functions with wheels of the machine's own.
    """
    if sys.platform != "linux":
        return "host"
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def read(path: Path) -> str:
    """The text of a file, empty where there is none."""
    return path.read_text(errors="replace") if path.exists() else ""

"""Functions built one by one, as `sam build` would build them, without what it takes to start."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from lambda_serving_cli.local_cloud.fingerprint import FUNCTIONS
from lambda_serving_cli.project.template import FUNCTION, Entry, read_template
from lambda_serving_cli.project.yaml_nodes import dig
from lambda_serving_cli.terminal.steps import run_logged

SCRIPTS, METHOD = "layers", "makefile"
"""What a function's Metadata says where layers/Makefile builds it."""


@dataclass(frozen=True)
class Target:
    """A function: its logical id, its folder, and where its build lies.

    `is_plain`: layers/Makefile builds it, as it does every function that no one has changed.
    """

    name: str
    source: Path
    built: Path
    is_plain: bool


def find_targets(root: Path, build: Path, folders: Collection[str]) -> list[Target]:
    """The functions of these folders of functions/, as they lie in a build of the very template."""
    built = read_template(build / "template.yaml").resources
    targets = []
    for entry in read_template(root / "template.yaml").resources.values():
        source = root / str(entry.properties.get("CodeUri", ""))
        if entry.type == FUNCTION and source.parent == root / FUNCTIONS and source.name in folders:
            where = build / str(built[entry.name].properties["CodeUri"])
            targets.append(Target(entry.name, source, where, _is_plain(entry)))
    return targets


def _is_plain(entry: Entry) -> bool:
    how = [dig(entry.data, "Metadata", key) for key in ("BuildMethod", "ContextPath")]
    return how == [METHOD, SCRIPTS]


def build_function(
    target: Target, root: Path, log: Path, environment: Mapping[str, str], advice: str
) -> None:
    """Put a new build in the place of the one that is there, or leave that.

    Calls make as SAM's builder for `BuildMethod: makefile` does.

    Raises:
        CommandError: it failed.
    """
    draft = Path(mkdtemp(prefix=f".{target.name}-", dir=target.built.parent))
    try:
        command = ["make", f"build-{target.name}"]
        command += ["--makefile", str(root / SCRIPTS / "Makefile"), f"ARTIFACTS_DIR={draft}"]
        run_logged(command, log, cwd=target.source, env=environment, advice=advice)
        draft.chmod(0o755)
        shutil.rmtree(target.built, ignore_errors=True)
        draft.rename(target.built)
    finally:
        shutil.rmtree(draft, ignore_errors=True)

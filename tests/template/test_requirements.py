"""What the layers and functions install is what the tests run with."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.servers.built import PROJECT

FILES = [
    path
    for pattern in ("layers/*/requirements", "layers/*/libraries", "functions/*/requirements")
    for path in PROJECT.glob(f"{pattern}.txt")
]
OURS = [*PROJECT.glob(".ci/tools/*.txt"), *PROJECT.glob("cli/*/local_cloud/ministack.txt")]
"""Of environments of their own."""

LAYERS = [path for path in FILES if path.is_relative_to(PROJECT / "layers")]
PIN = re.compile(
    r"([A-Za-z0-9._-]+)==([A-Za-z0-9._!+-]+)(?: ; .+?)?((?: --hash=sha256:[0-9a-f]{64})*)"
)


def read_lock() -> dict[str, dict[str, Any]]:
    """Package -> what uv.lock says of it."""
    packages = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]
    return {package["name"]: package for package in packages}


def read_lines(file: Path) -> dict[str, tuple[str, set[str]]]:
    """Package -> version and hashes; every line must pin one, and nothing else."""
    found = {}
    text = re.sub(r"\s*\\\n\s*", " ", file.read_text())
    for line in text.splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            match = PIN.fullmatch(requirement)
            assert match, f"{file}: not pinned by ==: {requirement}"
            hashes = set(match[3].replace("--hash=", "").split())
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = (match[2], hashes)
    return found


def read_pins(file: Path) -> dict[str, str]:
    """Package -> version."""
    return {name: version for name, (version, _) in read_lines(file).items()}


def test_there_are_some() -> None:
    assert {file.parent.name for file in FILES} >= {"runtime", "engine_onnx"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_pins_are_the_locked_versions(file: Path) -> None:
    lock = read_lock()
    pins = read_pins(file)
    assert pins == {name: lock[name]["version"] for name in pins}


@pytest.mark.parametrize("file", LAYERS, ids=lambda file: f"{file.parent.name} {file.stem}")
def test_hashes_are_the_locked_ones(file: Path) -> None:
    """Of every wheel: which one is installed goes by the architecture."""
    lock = read_lock()
    for name, (_, hashes) in read_lines(file).items():
        wheels = {wheel["hash"] for wheel in lock[name]["wheels"]}
        assert wheels <= hashes, name


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_tools_are_pinned_by_hash(file: Path) -> None:
    lines = read_lines(file)
    assert file.stem in lines and all(hashes for _, hashes in lines.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_nothing_that_the_runtime_has(file: Path) -> None:
    """boto3 is part of Lambda's Python runtime; a copy in a layer costs 31 MB."""
    assert read_pins(file).keys().isdisjoint({"boto3", "botocore", "s3transfer"})

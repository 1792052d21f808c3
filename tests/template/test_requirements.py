"""What the layers and functions install is what the tests run with."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.servers.built import PROJECT

FILES = [
    path
    for pattern in ("layers/*/requirements", "layers/*/libraries", "functions/*/requirements")
    for path in PROJECT.glob(f"{pattern}.txt")
]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9._!+-]+)")


def read_lock() -> dict[str, str]:
    """Package -> locked version."""
    packages = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]
    return {package["name"]: package["version"] for package in packages}


def read_pins(file: Path) -> dict[str, str]:
    """Package -> version; every line must pin one, and nothing else."""
    pins = {}
    for line in file.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            match = PIN.fullmatch(requirement)
            assert match, f"{file}: not pinned by ==: {requirement}"
            pins[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return pins


def test_there_are_some() -> None:
    assert {file.parent.name for file in FILES} >= {"runtime", "engine_onnx"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_pins_are_the_locked_versions(file: Path) -> None:
    lock = read_lock()
    pins = read_pins(file)
    assert pins == {name: lock.get(name) for name in pins}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_nothing_that_the_runtime_has(file: Path) -> None:
    """boto3 is part of Lambda's Python runtime; a copy in a layer costs 31 MB."""
    assert read_pins(file).keys().isdisjoint({"boto3", "botocore", "s3transfer"})

"""What uv does for a layer or a function: wheels for Lambda's platform, none built from source."""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from attached import Attached, normalize

RUNTIME = (3, 13)
"""Python of the template's `Runtime`. Bytecode holds for one minor version alone."""

PLATFORMS = {
    "x86_64": ["--python-platform", "x86_64-manylinux_2_28"],
    "arm64": ["--python-platform", "aarch64-manylinux_2_28"],
    # For a local cloud on a machine that is not Linux: it runs functions as plain processes.
    "host": [],
}
"""Lambda's architectures, as uv names them. Amazon Linux 2023 has glibc 2.34 (AWS Lambda,
"Lambda runtimes"), so wheels for 2.28 and older load."""

SDK = ("boto3", "botocore")
"""Lambda's Python has them, in a version that AWS raises now and then (AWS Lambda, "Lambda
runtimes", SDK for Python): enough for whoever asks for no version."""

RESOLVED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)\s+# via (?P<via>.+)")
"""A line of `uv pip compile --annotation-style line`; what has no version comes by URL."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def install(requirements: Path, target: Path, *options: str, link_mode: str = "copy") -> None:
    """Install wheels into a folder; leaves with a reason where there are none that fit."""
    command = ["install", "--target", str(target), "--link-mode", link_mode, *options]
    target.mkdir(parents=True, exist_ok=True)
    done = run_uv([*command, "-r", str(requirements)], requirements.parent)
    if done.returncode:
        sys.exit(f"{requirements.name} cannot be installed:\n{indent(done.stderr)}")


def install_beside(
    requirements: Path, attached: Attached, target: Path, link_mode: str = "copy"
) -> None:
    """Install what a function requires, but for what its layers and Lambda's Python have.

    Leaves with both sides of a conflict with a layer, and where each stands.
    """
    versions, left_out = resolve(requirements, attached)
    with TemporaryDirectory() as folder:
        constraints, excludes = Path(folder, "constraints.txt"), Path(folder, "excludes.txt")
        constraints.write_text("".join(f"{name}=={each}\n" for name, each in versions.items()))
        excludes.write_text("".join(f"{name}\n" for name in left_out))
        options = ["--constraints", str(constraints), "--excludes", str(excludes)]
        install(requirements, target, *options, link_mode=link_mode)


def resolve(requirements: Path, attached: Attached) -> tuple[dict[str, str], list[str]]:
    """Package -> version that meets the requirements beside the layers; and what is left out."""
    command = ["compile", "--no-header", "--annotation-style", "line", str(requirements)]
    pins = "".join(f"{name}=={pin.version}\n" for name, pin in attached.pins.items())
    done = run_uv([*command, "--constraints", "-"], requirements.parent, pins)
    if done.returncode:
        sys.exit(describe_conflict(done.stderr, requirements, attached))
    found = {match["name"]: match for match in RESOLVED.finditer(done.stdout)}
    parents = {name: set(match["via"].split(", ")) for name, match in found.items()}
    versions = {name: match["version"] for name, match in found.items()}
    return versions, [*attached.pins, *list_sdk(requirements, parents)]


def list_sdk(requirements: Path, parents: dict[str, set[str]]) -> list[str]:
    """What of the SDK is asked for in any version, and needed by nothing that is packed."""
    lines = {line.partition("#")[0].strip().lower() for line in read_lines(requirements)}
    bare: list[str] = []
    for name in SDK:  # boto3 first: it needs the other
        needed_by = {parent for parent in parents.get(name, ()) if not parent.startswith("-")}
        if name in lines and needed_by <= set(bare):
            bare.append(name)
    return bare


def describe_conflict(reason: str, requirements: Path, attached: Attached) -> str:
    """Why requirements cannot be met: both sides of a conflict with a layer, by file and line."""
    text = indent(reason.removeprefix("error: "))
    named = {normalize(word.rstrip(".")) for word in NAME.findall(reason)}
    layers = [
        f"  {name}=={pin.version} in {pin.place}"
        for name, pin in attached.pins.items()
        if f" {name}=={pin.version}" in reason
    ]
    if not layers:
        return f"{attached.function}: its requirements cannot be met:\n{text}"
    own = [
        f"  {line.partition('#')[0].strip()} in {attached.folder}/{file.name}, line {number}"
        for file in sorted(requirements.parent.glob("*.txt"))
        for number, line in enumerate(read_lines(file), 1)
        if (match := NAME.match(line)) and normalize(match[0]) in named
    ]
    return "\n".join(
        [f"{attached.function}: its requirements do not go with its layers:", *own, *layers, text]
    )


def run_uv(command: list[str], folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `uv pip` for the platform that LAMBDA_ARCHITECTURE says."""
    architecture = os.environ.get("LAMBDA_ARCHITECTURE", "x86_64")
    if architecture not in PLATFORMS:
        sys.exit(f"LAMBDA_ARCHITECTURE={architecture}: expected one of {', '.join(PLATFORMS)}")
    options = ["--quiet", "--python-version", f"{RUNTIME[0]}.{RUNTIME[1]}"]
    options += ["--only-binary", ":all:", *PLATFORMS[architecture]]
    return subprocess.run(
        ["uv", "pip", *command, *options], input=stdin, cwd=folder, capture_output=True, text=True
    )


def read_lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines())

"""The packages that an endpoint's function has, in an environment of their own.

An environment is made of the pins of the function's layers, what Lambda's Python has, and the
requirements of the function, by the very code that builds functions (layers/package.py). Endpoints
with the same packages share it. It is kept below ``.local/environments``, and made of hard links to
uv's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lambda_serving
from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint_toml import read_endpoint
from lambda_serving_cli.files.lock import hold
from lambda_serving_cli.local_cloud.build import find_architecture
from lambda_serving_cli.local_cloud.layout import find_uv
from lambda_serving_cli.project.blocks import RUNTIME, list_folders
from lambda_serving_cli.project.template import Template, read_template
from lambda_serving_cli.terminal.errors import CommandError

LAYERS = Path(lambda_serving.__file__).parents[2]
"""The folder of the layers, of which the runtime is one."""

SDK = ("boto3", "snapshot-restore-py")
"""What Lambda's Python has (AWS Lambda, "Python runtimes"), with all that it needs."""

DAYS = 14
"""How long an environment is kept that nobody uses."""


@dataclass(frozen=True)
class Packages:
    """The folders of the layers, and the endpoint's own folder where that requires something."""

    layers: tuple[Path, ...]
    source: Path | None

    @property
    def key(self) -> str:
        """The same for the same packages."""
        digest = hashlib.sha256(f"{sys.version}\0{sys.platform}".encode())
        for part in (*list_sdk(), *map(str, self.layers)):
            digest.update(f"\0{part}".encode())
        names = ("requirements.txt", "libraries.txt", "Makefile")
        files = [layer / name for layer in self.layers for name in names]
        if self.source is not None:
            files += (p for p in self.source.rglob("*") if p.suffix in (".txt", ".whl"))
        for file in [*sorted(files), *sorted(LAYERS.glob("*.py"))]:
            digest.update(f"\0{file.name}\0".encode() + hashlib.sha256(read(file)).digest())
        return digest.hexdigest()[:16]


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def list_sdk() -> Iterator[str]:
    """The packages of Lambda's Python, in the versions of this environment."""
    for name in SDK:
        with suppress(PackageNotFoundError):
            yield f"{name}=={version(name)}"


def read_project(root: Path) -> Template | None:
    """The template of a project; None where it has none, or a broken one."""
    try:
        return read_template(root / "template.yaml")
    except CommandError:
        return None


def find_packages(root: Path, template: Template | None, folder: Path) -> Packages:
    """What the function of the endpoint in `folder` has, or would have: one that the template does
    not name gets the layers that its engines need."""
    function = template.find_function(folder.name) if template else None
    if template and function and folder == root / "functions" / folder.name:
        names = template.list_layers(function)
        sources = [template.resources[name] for name in names if name in template.resources]
        layers = [root / str(each.properties.get("ContentUri", "")) for each in sources]
    else:
        layers = [LAYERS / name for name in [RUNTIME, *sorted(set(_list_engines(folder)))]]
    there = tuple(layer for layer in layers if (layer / "requirements.txt").is_file())
    return Packages(there, folder if (folder / "requirements.txt").is_file() else None)


def _list_engines(folder: Path) -> Iterator[str]:
    with suppress(SettingsError):  # told as it is loaded
        yield from list_folders(read_endpoint(folder))


class Environments:
    """The environments below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, packages: Packages) -> bool:
        """Whether nothing is to be installed."""
        return not packages.layers or (self._folder / packages.key / "done").exists()

    def make(self, packages: Packages) -> Path | None:
        """The environment's folder, made where it is not there; None where there are no layers.

        Raises:
            CommandError: a package cannot be installed, or uv is missing.
        """
        if not packages.layers or not (LAYERS / "package.py").exists():
            return None
        folder = self._folder / packages.key
        with hold(self._folder / f"{packages.key}.lock"):
            if not (folder / "done").exists():
                shutil.rmtree(folder, ignore_errors=True)
                _fill(folder, packages)
            (folder / "done").touch()
        return folder

    def remove_unused(self) -> None:
        """Remove environments that nobody used lately."""
        limit = time.time() - DAYS * 86_400
        for done in self._folder.glob("*/done"):
            if done.stat().st_mtime < limit:
                shutil.rmtree(done.parent, ignore_errors=True)


def _fill(folder: Path, packages: Packages) -> None:
    uv = find_own_uv()
    environment = os.environ | {
        "PATH": os.pathsep.join([str(uv.parent), os.environ.get("PATH", os.defpath)]),
        "LAMBDA_ARCHITECTURE": find_architecture(),
        "PYTHONPATH": "",
        # What is imported is compiled then: all of SciPy takes ten seconds.
        "UV_COMPILE_BYTECODE": "0",
    }
    _run([str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)], environment)
    command = [sys.executable, str(LAYERS / "package.py"), "environment"]
    command += [str(packages.source or folder), str(find_site_packages(folder))]
    for layer in packages.layers:
        command += ["--layer", str(layer)]
    for requirement in list_sdk():
        command += ["--sdk", requirement]
    _run(command, environment)


def find_own_uv() -> Path:
    """The uv that runs this or is on PATH; else the one that `make` installs.

    Raises:
        CommandError: there is none.
    """
    for place in (find_uv(), str(LAYERS.parent / ".local" / "uv" / "bin" / "uv")):
        if found := shutil.which(place):
            return Path(found).absolute()
    raise CommandError(
        "uv is needed to install the endpoints' packages, and is not on PATH",
        advice="`make up` installs it into .local/uv; or `pip install uv`",
    )


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(done.stderr.strip() or f"{command[0]} failed")


def name_python(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def find_site_packages(folder: Path) -> Path:
    return folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def list_library_folders(folder: Path, endpoints: Iterable[Path]) -> Iterator[str]:
    """Where the loader looks for shared libraries, as in /opt/lib and /var/task/lib."""
    yield str(folder / "lib")
    yield from (str(endpoint / "lib") for endpoint in endpoints)

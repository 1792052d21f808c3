"""What is measured, and where it lies: the built functions and layers, the peers, their models."""

import compileall
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path
from py_compile import PycInvalidationMode

from lambda_serving_cli.local_cloud.layout import find_uv
from tests.servers.built import PROJECT, BuiltFunction, build_functions
from tests.servers.lambda_process import SDK, install_runtime_client

BUCKET = "models"
ROWS = Path(__file__).with_name("rows")
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
SERVER = ("uvicorn", "click", "h11")


@dataclass(frozen=True)
class Places:
    """Folders; `storage` is what the S3 serves."""

    scratch: Path
    storage: Path
    functions: dict[str, BuiltFunction]
    runtime: Path
    """Lambda's own: the runtime client and boto3, with bytecode."""
    server: Path
    """uvicorn, with bytecode."""

    def get_layer(self, name: str) -> Path:
        """The built layer `runtime`, `onnx`, `sklearn`, `xgboost` or `lightgbm`."""
        if name == "runtime":
            return self.functions["iris_onnx"].layers[0]
        return self.functions[f"iris_{name}"].layers[1]


def find_places(scratch: Path) -> Places:
    """Build what changed, make what is missing, copy the rest below `scratch`.

    RuntimeError with the end of the log where a build fails.
    """
    functions = build_functions()
    models = PROJECT / ".local" / "models"
    command = [sys.executable, "-m", "examples.prepare_models", "--out", str(models)]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    storage = scratch / "s3"
    shutil.copytree(models, storage / BUCKET)
    server = copy_packages(SERVER, scratch / "server" / "python")
    compile_folder(server)
    runtime = install_runtime_client(scratch / "runtime")
    return Places(scratch, storage, functions, runtime, server.parent)


def copy_rows(name: str, target: Path) -> Path:
    """The code of a peer in the folder `target`, with bytecode as ours has it."""
    shutil.copytree(ROWS / name, target, dirs_exist_ok=True)
    compile_folder(target)
    return target


def copy_packages(distributions: Iterable[str], folder: Path) -> Path:
    """Installed packages, without bytecode, for a path of their own."""
    folder.mkdir(parents=True)
    for distribution in distributions:
        for file in files(distribution) or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(str(file.locate()), target)
    return folder


def copy_sdk(target: Path) -> Path:
    """boto3 in a layer of its own, without bytecode."""
    copy_packages(SDK, target / "python")
    return target


def install_usual(target: Path) -> Path:
    """What the usual handler requires, in a layer, as `sam build` installs it: with all that its
    packages depend on and all that they ship, without bytecode. The versions are those of ours."""
    layers = PROJECT / "layers"
    command = [find_uv(), "pip", "install", "--quiet", "--target", str(target / "python")]
    command += ["--python", sys.executable, "--requirement", str(ROWS / "usual/requirements.txt")]
    for layer in ("runtime", "engine_onnx"):
        command += ["--constraint", str(layers / layer / "requirements.txt")]
    subprocess.run(command, check=True)
    return target


def compile_folder(folder: Path) -> None:
    compileall.compile_dir(
        folder, quiet=1, force=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )

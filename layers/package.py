"""Package one function or layer for Lambda: wheels for Lambda's platform, pruned, with bytecode.

Called by the Makefile beside it, in a copy of the source, under the Python that Lambda runs.
Nothing here depends on the machine it runs on: wheels are fetched for the target, none is built,
and bytecode is the same on every platform.

Why the bytecode: Lambda mounts /opt and /var/task read-only, so without it every cold start
compiles every module again. It is "unchecked-hash", since a .pyc that carries the time of its
source would be refused after zipping, and it names its files as they are on Lambda.
"""

import argparse
import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

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

LEFTOVERS = (
    ".lock",
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/conftest.py",
    "**/*.pyi",
    "**/py.typed",
    "**/*.pxd",
    "**/*.pxi",
    "**/*.pyx",
    "**/*.tp",
    "**/*.h",
    "**/*.hpp",
    "**/*.c",
    "**/*.cpp",
    "**/*.a",
    "**/meson.build",
    "*.dist-info/sboms",
)
"""What wheels hold for building against them and for testing them, as globs below the target."""

PACKAGE_LEFTOVERS = {
    # Pages of its own REST framework, 1.7 MB; FastAPI writes ours.
    "aws_lambda_powertools": ("event_handler/openapi/swagger_ui/*.min.*",),
    "joblib": ("test",),
    # f2py stays: SciPy imports every name that NumPy lists.
    "numpy": (
        "_pyinstaller",
        "_core/include",
        "_core/lib",
        "_core/_simd*.so",
        "_core/_*_tests*.so",
    ),
    # Inference imports onnxruntime and onnxruntime.capi alone. What goes: tools to convert,
    # quantize and optimize models, the bridge to the onnx package, and the library for C
    # programs: the Python extension holds a whole copy of it (35 MB).
    "onnxruntime": (
        "tools",
        "transformers",
        "quantization",
        "backend",
        "datasets",
        "capi/libonnxruntime.so*",
    ),
    # Extensions that only its tests import, and the one behind mmread and mmwrite (4 MB), which is
    # imported when they are called. Every module stays: the libraries import many of them.
    "scipy": (
        "io/_fast_matrix_market/_fmm_core*.so",
        "_lib/_test_*.so",
        "integrate/_test_*.so",
        "io/_test_*.so",
        "ndimage/_ctest*.so",
        "ndimage/_cytest*.so",
        "special/_test_*.so",
    ),
    # load_iris and the like stay (0.3 MB): user code asks them for the names of classes.
    "sklearn": ("_build_utils", "datasets/images"),
    # Model cards and the command line; skops.io imports neither.
    "skops": ("card", "cli"),
    # Its Spark and Dask clients import frameworks that no function has.
    "xgboost": ("dask", "spark", "testing"),
}
"""What is not needed to run a model, as globs below each package. What is left must still import
(tests/built/test_engines.py)."""


def main() -> None:
    """Read the command line and package what it names; leaves with 1 and a reason on failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["function", "layer"])
    parser.add_argument("source", type=Path, help="folder with the code and requirements.txt")
    parser.add_argument("target", type=Path, help="SAM's ARTIFACTS_DIR")
    parser.add_argument("--prune", action="append", default=[], metavar="GLOB")
    parser.add_argument("--library", action="append", default=[], metavar="NAME=GLOB")
    arguments = parser.parse_args()
    if sys.version_info[:2] != RUNTIME:
        sys.exit(
            f"packaging needs Python {RUNTIME[0]}.{RUNTIME[1]}, the version that Lambda runs, "
            f"but this is {sys.version.split()[0]} ({sys.executable})"
        )
    source, target = arguments.source.resolve(), arguments.target.resolve()
    if arguments.kind == "layer":
        package_layer(source, target / "python", arguments.library, arguments.prune)
    else:
        package_function(source, target)


def package_layer(source: Path, target: Path, libraries: list[str], prune: list[str]) -> None:
    """Fill `<layer>/python`: the pinned wheels and the layer's own packages."""
    install(source / "requirements.txt", target, "--no-deps")
    for library in libraries:
        move_library(target, *library.split("="))
    remove(target, [*list_leftovers(), *prune])
    compile_bytecode(target, target, "/opt/python")
    for package in sorted(folder for folder in source.iterdir() if folder.is_dir()):
        if package.name != "__pycache__":
            copy_code(package, target / package.name)
            compile_own(target / package.name, target, "/opt/python")


def package_function(source: Path, target: Path) -> None:
    """Fill the function's folder: its wheels, where it asks for any, and the user's code."""
    requirements = source / "requirements.txt"
    if requirements.exists():
        install(requirements, target)
        remove(target, list_leftovers())
        compile_bytecode(target, target, "/var/task")
    for entry in sorted(source.iterdir()):
        if entry.name not in ("requirements.txt", "__pycache__", ".aws-sam"):
            copy_code(entry, target / entry.name)
            compile_own(target / entry.name, target, "/var/task")


def install(requirements: Path, target: Path, *options: str) -> None:
    """Install wheels for Lambda's platform into a folder; none is built from source."""
    architecture = os.environ.get("LAMBDA_ARCHITECTURE", "x86_64")
    if architecture not in PLATFORMS:
        sys.exit(f"LAMBDA_ARCHITECTURE={architecture}: expected one of {', '.join(PLATFORMS)}")
    command = ["uv", "pip", "install", "--quiet", "--target", str(target), "--link-mode", "copy"]
    command += ["--python-version", f"{RUNTIME[0]}.{RUNTIME[1]}", "--only-binary", ":all:"]
    command += [*PLATFORMS[architecture], *options, "-r", str(requirements)]
    result = subprocess.run(command, check=False)
    if result.returncode:
        sys.exit(f"uv could not install {requirements.name} for {architecture}: see above")


def list_leftovers() -> list[str]:
    """All that no layer and no function needs, as globs below the target."""
    return [
        *LEFTOVERS,
        *(f"{name}/{glob}" for name, own in PACKAGE_LEFTOVERS.items() for glob in own),
    ]


def move_library(target: Path, name: str, glob: str) -> None:
    """Move a shared library to `<layer>/lib/name`, where Lambda's loader looks for it.

    LD_LIBRARY_PATH holds /opt/lib (AWS Lambda, "Using environment variables").
    """
    found = list(target.glob(glob))
    if len(found) != 1:
        sys.exit(f"{name}: expected one file {glob}, got {len(found)}")
    folder = target.parent / "lib"
    folder.mkdir(exist_ok=True)
    found[0].rename(folder / name)


def remove(target: Path, globs: list[str]) -> None:
    """Remove every file and folder below the target that one of the globs names."""
    for path in [path for glob in globs for path in target.glob(glob)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def copy_code(source: Path, target: Path) -> None:
    """Copy the project's own code, without what an interpreter left in it."""
    if source.is_dir():
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def compile_own(path: Path, root: Path, mounted: str) -> None:
    """Compile the project's own code: a syntax error in it fails the build."""
    if not compile_bytecode(path, root, mounted):
        sys.exit(f"{path.relative_to(root)} does not compile: see the error above")


def compile_bytecode(path: Path, root: Path, mounted: str) -> bool:
    """Compile a file or a folder; its files are called `mounted`/... instead of `root`/....

    Returns whether all of it compiled. Wheels may hold a file that no Python 3 reads.
    """
    options: dict[str, Any] = {
        "stripdir": root,
        "prependdir": mounted,
        "force": True,
        "quiet": 1,
        "invalidation_mode": PycInvalidationMode.UNCHECKED_HASH,
    }
    if path.is_dir():
        return bool(compileall.compile_dir(path, workers=0, **options))
    return bool(compileall.compile_file(path, **options))


if __name__ == "__main__":
    main()

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
    "**/*.pyi",
    "**/py.typed",
    "**/*.pxd",
    "**/*.pyx",
    "**/*.h",
    "**/*.hpp",
    "**/*.c",
    "**/*.cpp",
    "**/*.a",
    "*.dist-info/RECORD",
    "numpy/f2py",
    "numpy/_pyinstaller",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_core/_simd*.so",
    "numpy/_core/_*_tests*.so",
    "numpy/conftest.py",
)
"""What wheels hold for building against them and for testing them, as globs below the target."""


def main() -> None:
    """Read the command line and package what it names; leaves with 1 and a reason on failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["function", "layer"])
    parser.add_argument("source", type=Path, help="folder with the code and requirements.txt")
    parser.add_argument("target", type=Path, help="SAM's ARTIFACTS_DIR")
    parser.add_argument("--prune", action="append", default=[], metavar="GLOB")
    arguments = parser.parse_args()
    if sys.version_info[:2] != RUNTIME:
        sys.exit(
            f"packaging needs Python {RUNTIME[0]}.{RUNTIME[1]}, the version that Lambda runs, "
            f"but this is {sys.version.split()[0]} ({sys.executable})"
        )
    source, target = arguments.source.resolve(), arguments.target.resolve()
    if arguments.kind == "layer":
        package_layer(source, target / "python", tuple(arguments.prune))
    else:
        package_function(source, target)


def package_layer(source: Path, target: Path, prune: tuple[str, ...]) -> None:
    """Fill `<layer>/python`: the pinned wheels and the layer's own packages."""
    install(source / "requirements.txt", target, "--no-deps")
    remove(target, LEFTOVERS + prune)
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
        remove(target, LEFTOVERS)
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


def remove(target: Path, globs: tuple[str, ...]) -> None:
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

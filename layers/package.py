"""Package one function or layer for Lambda: wheels for Lambda's platform, pruned, with bytecode.

For the dev server it fills an environment with what a function has (`environment`).

Called by the Makefile beside it, in a copy of the source, under the Python that Lambda runs.
Nothing here depends on the machine it runs on: wheels are fetched for the target, none is built,
and bytecode is the same on every platform.

Why the bytecode: Lambda mounts /opt and /var/task read-only, so without it every cold start
compiles every module again. It is "unchecked-hash", since a .pyc that carries the time of its
source would be refused after zipping, and it names its files as they are on Lambda.
"""

import argparse
import compileall
import re
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import Any

from attached import Attached, Pin, read_attached, read_pins
from kept import copy_kept, hash_inputs
from wheels import RUNTIME, install, install_beside

PINNED = ("--no-deps", "--require-hashes")
"""What a layer holds is all in its file, and each wheel is the one that was looked at."""

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
    parser.add_argument("kind", choices=["function", "layer", "environment"])
    parser.add_argument("source", type=Path, help="folder with the code and requirements.txt")
    parser.add_argument("target", type=Path, help="SAM's ARTIFACTS_DIR, or site-packages")
    parser.add_argument("--library", action="append", default=[], metavar="NAME=GLOB")
    parser.add_argument("--name", help="logical id of the function")
    parser.add_argument("--template", type=Path, help="where it says which layers the function has")
    parser.add_argument("--kept", type=Path, help="folder that keeps what functions install")
    parser.add_argument("--layer", type=Path, action="append", default=[], help="environment: one")
    parser.add_argument("--sdk", action="append", default=[], help="environment: Lambda's own")
    arguments = parser.parse_args()
    if sys.version_info[:2] != RUNTIME:
        sys.exit(
            f"packaging needs Python {RUNTIME[0]}.{RUNTIME[1]}, the version that Lambda runs, "
            f"but this is {sys.version.split()[0]} ({sys.executable})"
        )
    source, target = arguments.source.resolve(), arguments.target.resolve()
    if arguments.kind == "layer":
        package_layer(source, target / "python", arguments.library)
        return
    if arguments.kind == "environment":
        fill_environment(source, target, arguments.layer, arguments.sdk)
        return
    requirements = source / "requirements.txt"
    if requirements.exists():
        attached = read_attached(arguments.template, arguments.name)
        copy_dependencies(requirements, attached, arguments.kept, target)
    copy_function(source, target)


def package_layer(source: Path, target: Path, libraries: list[str]) -> None:
    """Fill `<layer>/python`: the pinned wheels and the layer's own packages."""
    install(source / "requirements.txt", target, *PINNED)
    if libraries:
        with TemporaryDirectory() as folder:
            install(source / "libraries.txt", Path(folder), *PINNED)
            for library in libraries:
                copy_library(Path(folder), target.parent / "lib", *library.split("="))
    remove(target, list_leftovers())
    compile_bytecode(target, target, "/opt/python")
    for package in sorted(folder for folder in source.iterdir() if folder.is_dir()):
        if package.name != "__pycache__":
            copy_code(package, target / package.name)
            compile_own(target / package.name, target, "/opt/python")


def copy_dependencies(requirements: Path, attached: Attached, kept: Path, target: Path) -> None:
    """Put what a function requires and its layers lack into its folder.

    It is installed once for the same requirements beside the same layers: what changes on an index
    meanwhile comes with the next change of either.
    """

    def fill(folder: Path) -> None:
        install_beside(requirements, attached, folder)
        remove(folder, list_leftovers())
        compile_bytecode(folder, folder, "/var/task")

    copy_kept(kept, hash_inputs(requirements.parent, attached.pins), fill, target)


def fill_environment(source: Path, target: Path, layers: list[Path], sdk: list[str]) -> None:
    """Fill the `site-packages` of an environment of the dev server with what a function has.

    The wheels are whole, as links to uv's cache, and the layers' own packages links to the sources.
    """
    pins: dict[str, Pin] = {}
    for layer in layers:
        install(layer / "requirements.txt", target, *PINNED, link_mode="hardlink")
        pins |= read_pins(layer.parents[1], Path(layer.parent.name, layer.name, "requirements.txt"))
        for package in layer.iterdir():
            if package.is_dir() and package.name != "__pycache__":
                (target / package.name).symlink_to(package)
        link_libraries(layer, target.parents[1])
    with TemporaryDirectory() as folder:
        requirements, constraints = Path(folder, "sdk.txt"), Path(folder, "constraints.txt")
        requirements.write_text("\n".join(sdk))
        constraints.write_text("".join(f"{name}=={pin.version}\n" for name, pin in pins.items()))
        options = ("--constraints", str(constraints))
        install(requirements, target, *options, link_mode="hardlink")
    if (source / "requirements.txt").exists():
        attached = Attached(source.name, f"{source.parent.name}/{source.name}", pins)
        install_beside(source / "requirements.txt", attached, target, link_mode="hardlink")


def link_libraries(layer: Path, target: Path) -> None:
    """The shared libraries that a layer's Makefile names, where this machine can use them."""
    named = re.search(r"^LIBRARIES := (.+)$", (layer / "Makefile").read_text(), re.MULTILINE)
    if named is None or sys.platform != "linux":
        return
    with TemporaryDirectory() as folder:
        install(layer / "libraries.txt", Path(folder), *PINNED)
        for library in named[1].split():
            copy_library(Path(folder), target, *library.split("="))


def copy_function(source: Path, target: Path) -> None:
    """Put the user's code into the function's folder."""
    for entry in sorted(source.iterdir()):
        if entry.name not in ("requirements.txt", "__pycache__", ".aws-sam"):
            copy_code(entry, target / entry.name)
            compile_own(target / entry.name, target, "/var/task")


def list_leftovers() -> list[str]:
    """All that no layer and no function needs, as globs below the target."""
    return [
        *LEFTOVERS,
        *(f"{name}/{glob}" for name, own in PACKAGE_LEFTOVERS.items() for glob in own),
    ]


def copy_library(source: Path, target: Path, name: str, glob: str) -> None:
    """Copy a shared library out of a wheel to `<layer>/lib/name`, where Lambda's loader looks.

    LD_LIBRARY_PATH holds /opt/lib (AWS Lambda, "Using environment variables").
    """
    found = list(source.glob(glob))
    if len(found) != 1:
        sys.exit(f"{name}: expected one file {glob}, got {len(found)}")
    target.mkdir(exist_ok=True)
    shutil.copy2(found[0], target / name)


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

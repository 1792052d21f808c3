"""Make the example models: ``python -m examples.prepare_models --out .local/models``.

Every model lies under the key that its endpoint.toml names. A model is made again only where its
recipe, a package that it is made with or a file of it has changed; else nothing is imported, and
the run takes a tenth of a second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from lambda_serving.user_code.libraries import find_shared_library

FOLDER = Path(__file__).parent

BRINGS = (
    "a package of .venv should bring it (libgomp comes with scikit-learn and xgboost-cpu, see"
    " lambda_serving_cli/openmp.py); `uv sync --reinstall` puts back what its wheel had"
)


@dataclass(frozen=True)
class Recipe:
    """How a model is made: ``function`` is ``module:function``, and gives files by their names."""

    key: str
    function: str
    packages: tuple[str, ...]

    def find_function(self) -> Callable[[], Mapping[str, bytes]]:
        """Import the function; only a model that is made needs its libraries."""
        module, _, name = self.function.partition(":")
        function: Callable[[], Mapping[str, bytes]] = getattr(import_module(module), name)
        return function

    def sign(self) -> str:
        """Changes whenever the model would.

        Raises:
            ModuleNotFoundError: a package is not installed.
        """
        sources = [path.read_bytes() for path in sorted(FOLDER.glob("*.py"))]
        versions = [f"{package} {version(package)}" for package in self.packages]
        return hashlib.sha256(b"\0".join([*sources, *map(str.encode, versions)])).hexdigest()


RECIPES = {
    "iris_onnx": Recipe(
        "iris_onnx/1", "examples.iris:make_onnx", ("scikit-learn", "skl2onnx", "onnx")
    ),
    "iris_sklearn": Recipe(
        "iris_sklearn/1", "examples.iris:make_sklearn", ("scikit-learn", "joblib")
    ),
    "iris_xgboost": Recipe(
        "iris_xgboost/1", "examples.iris_xgboost:make_xgboost", ("xgboost-cpu", "scikit-learn")
    ),
    "iris_lightgbm": Recipe(
        "iris_lightgbm/1", "examples.iris_lightgbm:make_lightgbm", ("lightgbm", "scikit-learn")
    ),
    "filetype": Recipe("filetype/1", "examples.filetype:unpack_magika", ("magika",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(".local/models"))
    parser.add_argument("--only", choices=RECIPES, help="one model instead of all")
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(RECIPES)
    for name in names:
        started = time.monotonic()
        try:
            made = prepare_model(RECIPES[name], arguments.out)
        except ModuleNotFoundError as error:
            sys.exit(f"{name}: the package {error.name!r} is missing: run `uv sync`")
        except (ImportError, OSError) as error:
            library = find_shared_library(error)
            if not library:
                raise
            sys.exit(f"{name}: the shared library {library!r} is missing: {BRINGS}")
        done = f"made in {time.monotonic() - started:.1f} s" if made else "unchanged"
        sys.stdout.write(f"{name}: {done}\n")
        sys.stdout.flush()


def prepare_model(recipe: Recipe, out: Path) -> bool:
    """Make one model below ``out``, unless it is there as the recipe would make it.

    Raises:
        ModuleNotFoundError: a package that it is made with is not installed.
    """
    stamp_file = out.parent / f"{out.name}.stamps" / f"{recipe.key.replace('/', '-')}.json"
    signature = recipe.sign()
    folder = out / recipe.key
    if is_current(stamp_file, signature, folder):
        return False
    files = recipe.find_function()()
    for name, data in files.items():
        write_atomically(folder / name, data)
    # Last: a run that is cut short leaves no stamp for files that it did not write.
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    stamp = {"signature": signature, "files": digests}
    write_atomically(stamp_file, json.dumps(stamp).encode())
    return True


def is_current(stamp_file: Path, signature: str, folder: Path) -> bool:
    """Whether the files in ``folder`` are those that the recipe of this signature made."""
    try:
        stamp = json.loads(stamp_file.read_text())
        return stamp["signature"] == signature and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in stamp["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False  # no stamp, an older one, or a file is gone: made again


def write_atomically(path: Path, data: bytes) -> None:
    """Never half a file: another process may make, read or publish the same model now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


if __name__ == "__main__":
    main()

"""Layers of the sources as they are, and of the packages that the tests themselves run with.

For a real execution environment without a build; tests/built has the layers as they are deployed.
"""

from pathlib import Path
from shutil import copytree, ignore_patterns

import orjson

import lambda_serving


def link_layers(folder: Path) -> list[Path]:
    """A layer with a copy of the runtime's code and one that leads to all installed packages."""
    ours, packages = folder / "ours", folder / "packages"
    source = Path(lambda_serving.__file__).parent
    copytree(source, ours / "python" / source.name, ignore=ignore_patterns("__pycache__"))
    packages.mkdir()
    (packages / "python").symlink_to(Path(orjson.__file__).parents[1])
    return [ours, packages]

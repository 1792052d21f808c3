"""The project's folder."""

from pathlib import Path


def find_root(start: Path) -> Path:
    """The project's folder: the nearest one at or above `start` that holds template.yaml.

    Raises:
        FileNotFoundError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "template.yaml").exists():
            return folder
    raise FileNotFoundError(f"no template.yaml in {start} or above it: run this in the project")


def find_root_or_cwd() -> Path:
    """The project's folder, or the working folder where that is in no project."""
    try:
        return find_root(Path.cwd())
    except FileNotFoundError:
        return Path.cwd()

"""The project's folder: its endpoints, their tests and its template."""

import re
from dataclasses import dataclass
from pathlib import Path

from lambda_serving.settings.engines import ENGINES
from lambda_serving_cli.files.root import find_root
from lambda_serving_cli.terminal.errors import CommandError

NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")
"""Of an endpoint, as the runtime takes it."""

VERSION = re.compile(r"[A-Za-z0-9_.-]{1,48}")


@dataclass(frozen=True)
class Project:
    """Where things are."""

    root: Path

    @property
    def template(self) -> Path:
        return self.root / "template.yaml"

    @property
    def functions(self) -> Path:
        return self.root / "functions"

    @property
    def models(self) -> Path:
        """Models of this machine by their keys: `local up` publishes them, `dev` serves them."""
        return self.root / ".local" / "models"

    def folder(self, endpoint: str) -> Path:
        return self.functions / endpoint

    def test(self, endpoint: str) -> Path:
        """The endpoint's own tests. Its folder holds what is deployed, and nothing else."""
        return self.root / "tests" / "endpoints" / f"test_{endpoint}.py"

    def list_endpoints(self) -> list[str]:
        """The folders of functions/ that hold an endpoint.toml."""
        return sorted(path.parent.name for path in self.functions.glob("*/endpoint.toml"))

    def has(self, endpoint: str) -> bool:
        return (self.folder(endpoint) / "endpoint.toml").is_file()

    def require(self, endpoint: str) -> Path:
        """The folder of an endpoint that is there.

        Raises:
            CommandError: it is not; names those that are.
        """
        if not self.has(endpoint):
            known = ", ".join(self.list_endpoints()) or "none yet"
            raise CommandError(f"there is no endpoint {endpoint!r}; there are: {known}")
        return self.folder(endpoint)

    def show(self, path: Path) -> str:
        """A path as a person in the project's folder writes it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def find_project() -> Project:
    """The project of the working folder.

    Raises:
        CommandError: it is none.
    """
    try:
        return Project(find_root(Path.cwd()))
    except FileNotFoundError as error:
        raise CommandError(str(error), advice="go to the project's folder") from error


def check_name(name: str) -> str:
    """Raises ValueError unless an endpoint can have this name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"an endpoint's name is 1 to 48 of A-Z a-z 0-9 _ -, got {name!r}")
    return name


def check_version(version: str) -> str:
    """Raises ValueError unless a version can have this name."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"a version is 1 to 48 of A-Z a-z 0-9 _ . -, got {version!r}")
    return version


def check_engine(engine: str) -> str:
    """Raises ValueError unless a model or code can have this engine."""
    known = [name for name in ENGINES if name != "canary"]
    if engine == "canary":
        raise ValueError("a canary is made by `lambda-serving model canary`")
    if engine not in known:
        raise ValueError(f"one of {', '.join(known)}, got {engine!r}")
    return engine


def check_description(text: str) -> str:
    """Raises ValueError where Lambda would refuse it (API reference, CreateFunction)."""
    if len(text) > 256:
        raise ValueError(f"at most 256 characters, got {len(text)}")
    return text

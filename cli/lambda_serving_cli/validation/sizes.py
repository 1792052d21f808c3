"""What was built against what Lambda takes: each function, its layers, and the packages in them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from lambda_serving_cli.files.content import read_lines
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Entry, read_template
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import format_size
from lambda_serving_cli.validation.findings import Finding

LARGEST = 250 * 1024 * 1024
"""Bytes of a function with its layers, unzipped (AWS Lambda quotas)."""

MOST_LAYERS = 5

SHOWN_PACKAGES = 4
"""Of the heaviest."""

OWN = "your code"


@dataclass(frozen=True)
class Part:
    """A built folder: its bytes by package."""

    name: str
    packages: Mapping[str, int]

    @property
    def size(self) -> int:
        return sum(self.packages.values())

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "bytes": self.size, "packages": dict(self.packages)}


@dataclass(frozen=True)
class FunctionSize:
    """A function with its layers, as it was built."""

    endpoint: str
    build: str
    function: Part
    layers: list[Part]

    @property
    def parts(self) -> list[Part]:
        return [self.function, *self.layers]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def fits(self) -> bool:
        return self.size <= LARGEST

    def describe_parts(self) -> str:
        """The function and each layer: `function 0.1 MB + RuntimeLayer 38.2 MB`."""
        named = [("function", self.function), *((part.name, part) for part in self.layers)]
        return " + ".join(f"{name} {format_size(part.size)}" for name, part in named)

    def describe_packages(self) -> str:
        """The heaviest packages, wherever they lie."""
        sums = Counter[str]()
        for part in self.parts:
            sums.update(part.packages)
        heaviest = sums.most_common(SHOWN_PACKAGES)
        return ", ".join(f"{name} {format_size(size)}" for name, size in heaviest)

    def as_dict(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "build": self.build,
            "bytes": self.size,
            "limit": LARGEST,
            "fits": self.fits,
            "function": self.function,
            "layers": self.layers,
        }


def list_builds(project: Project) -> list[Path]:
    """The builds of `make build` and `make up`, where they are there; newest first."""
    folders = (project.root / ".aws-sam" / "build", project.root / ".local" / "build")
    built = [folder for folder in folders if (folder / "template.yaml").is_file()]
    return sorted(built, key=lambda each: -(each / "template.yaml").stat().st_mtime)


def measure(project: Project, build: Path) -> list[FunctionSize]:
    """Every function of a build."""
    template = read_template(build / "template.yaml")
    layers = {
        name: Part(name, weigh(find_built(build, entry)))
        for name, entry in template.resources.items()
        if entry.type.endswith("LayerVersion")
    }
    sizes = []
    for endpoint, function in template.functions.items():
        own = Part(function.name, weigh(find_built(build, function), project.folder(endpoint)))
        theirs = [layers[name] for name in template.list_layers(function) if name in layers]
        sizes.append(FunctionSize(endpoint, project.show(build), own, theirs))
    return sizes


def find_built(build: Path, entry: Entry | None) -> Path:
    """The folder of a function or a layer in a build; one that is not there where it has none."""
    uris = [entry.properties.get(key) for key in ("CodeUri", "ContentUri")] if entry else []
    return build / next((uri for uri in uris if isinstance(uri, str)), "absent")


def weigh(folder: Path, source: Path | None = None) -> dict[str, int]:
    """Bytes by package, the heaviest first; `source` is where the user's own code is from.

    Packages are distributions, by the RECORD of what each installed; what none of them names goes
    by its own name.
    """
    owners: dict[str, str] = {}
    for about in [*folder.glob("*.dist-info"), *folder.glob("python/*.dist-info")]:
        name = about.name.partition("-")[0].replace("_", "-")
        owners[about.name] = name
        for line in read_lines(about / "RECORD"):
            owners.setdefault(re.split(r"[/,]", line, maxsplit=1)[0], name)
    sizes = Counter[str]()
    for parent, _, names in folder.walk():
        parts = parent.relative_to(folder).parts
        for name in names:
            about_file = (parent / name).lstat()
            if S_ISREG(about_file.st_mode):
                sizes[_name_package((*parts, name), owners, source)] += about_file.st_size
    return dict(sizes.most_common())


def _name_package(parts: tuple[str, ...], owners: Mapping[str, str], source: Path | None) -> str:
    top = parts[1] if parts[0] == "python" and len(parts) > 1 else parts[0]
    if source is not None and (top == "__pycache__" or (source / top).exists()):
        return OWN
    if top in owners:
        return owners[top]
    plain = top.removesuffix(".libs")
    return owners.get(plain) or owners.get(plain.partition(".")[0]) or plain


def check_sizes(sizes: list[FunctionSize]) -> Iterator[Finding]:
    """What is over a limit."""
    for each in sizes:
        if not each.fits:
            problem = (
                f"{format_size(each.size)} with its layers, Lambda takes {format_size(LARGEST)}: "
                f"{each.describe_parts()}; heaviest: {each.describe_packages()}"
            )
            yield Finding(each.endpoint, each.build, problem)
        if len(each.layers) > MOST_LAYERS:
            problem = f"{len(each.layers)} layers, Lambda takes {MOST_LAYERS}"
            yield Finding(each.endpoint, each.build, problem)


def require_fit(project: Project, build: Path) -> str:
    """See that Lambda takes every function of a build; gives the largest one, in words.

    Raises:
        CommandError: one is over a limit.
    """
    sizes = measure(project, build)
    problems = [f"{each.endpoint}: {each.problem}" for each in check_sizes(sizes)]
    if problems:
        raise CommandError(
            "Lambda would refuse what was built:\n  " + "\n  ".join(problems),
            advice="take packages out of requirements.txt that the code can do without, or serve "
            "the model as ONNX: its layer is the smallest (docs/conversion.md)",
        )
    if not sizes:
        return "no functions"
    largest = max(sizes, key=lambda each: each.size)
    limit = format_size(LARGEST)
    return f"the largest is {largest.endpoint}, {format_size(largest.size)} of {limit}"

"""What was built against what Lambda takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lambda_serving_cli.endpoints.project import Project
from lambda_serving_cli.endpoints.template import Template, read_template
from lambda_serving_cli.endpoints.validation import Finding

LARGEST = 250 * 1024 * 1024
"""Bytes of a function with its layers, unzipped (AWS Lambda quotas)."""

MOST_LAYERS = 5


def check_sizes(project: Project) -> Iterator[Finding]:
    """The functions of each build there is, as it was built last."""
    for build in (project.root / ".aws-sam" / "build", project.root / ".local" / "build"):
        if (build / "template.yaml").is_file():
            yield from _check_build(project, build)


def _check_build(project: Project, build: Path) -> Iterator[Finding]:
    template = read_template(build / "template.yaml")
    sizes = {
        name: _measure(build, entry.properties.get("ContentUri"))
        for name, entry in template.resources.items()
        if entry.type.endswith("LayerVersion")
    }
    for endpoint, size, count in _list_functions(template, build, sizes):
        where = project.show(build)
        if size > LARGEST:
            problem = f"{size / 1e6:.0f} MB with its layers, Lambda takes {LARGEST / 1e6:.0f} MB"
            yield Finding(endpoint, where, problem)
        if count > MOST_LAYERS:
            yield Finding(endpoint, where, f"{count} layers, Lambda takes {MOST_LAYERS}")


def _list_functions(
    template: Template, build: Path, sizes: dict[str, int]
) -> Iterator[tuple[str, int, int]]:
    """(endpoint, bytes with layers, number of layers)."""
    for endpoint, function in template.functions.items():
        layers = [*template.global_layers, *template.list_references(function, "Layers")]
        size = _measure(build, function.properties.get("CodeUri"))
        yield endpoint, size + sum(sizes.get(layer, 0) for layer in layers), len(layers)


def _measure(build: Path, uri: object) -> int:
    """Bytes below a folder of the build; 0 where it is not there."""
    folder = build / uri if isinstance(uri, str) else build / "absent"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

"""The layers that a function has in the template, and the packages that they bring."""

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9._!+-]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

ALSO_CALLED = {"xgboost-cpu": ("xgboost",)}
"""Packages that hold the same modules: whoever asks for one is served by the other."""


class Pin(NamedTuple):
    """A package's version, and the file and line that say so."""

    version: str
    place: str


class Attached(NamedTuple):
    """A function: its logical id, its folder in the project, and package -> pin of its layers."""

    function: str
    folder: str
    pins: dict[str, Pin]


def read_attached(template: Path, function: str) -> Attached:
    """Find a function in the template and what its layers pin.

    A layer that is named otherwise than by `!Ref` of a layer of this template (by its ARN, by a
    condition) is not known: what it brings is packed into the function.
    """
    resources, everywhere = read_resources(template)
    if function not in resources:
        sys.exit(f"{template.name} has no function {function}: which layers go with it?")
    properties = resources[function].get("Properties", {})
    pins: dict[str, Pin] = {}
    for layer in [*as_list(everywhere.get("Layers")), *as_list(properties.get("Layers"))]:
        name = layer.get("Ref") if isinstance(layer, dict) else None
        content = resources.get(name, {}).get("Properties", {}).get("ContentUri")
        if isinstance(content, str):
            pins |= read_pins(template.parent, Path(content, "requirements.txt"))
    return Attached(function, str(properties.get("CodeUri", "")).rstrip("/"), pins)


def read_resources(template: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The template's resources, and what `Globals` gives every function."""
    try:
        import yaml
    except ModuleNotFoundError:
        sys.exit("PyYAML is needed to read the template: run `uv sync`, or `make build`")

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Short forms written out: `!Ref X` is {"Ref": "X"}."""

    def construct(loader: Any, name: str, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            return {name: loader.construct_scalar(node)}
        if isinstance(node, yaml.SequenceNode):
            return {name: loader.construct_sequence(node, deep=True)}
        return {name: loader.construct_mapping(node, deep=True)}

    Loader.add_multi_constructor("!", construct)
    try:
        data = yaml.load(template.read_text(encoding="utf-8"), Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        sys.exit(f"{template}: {error}")
    return data["Resources"], (data.get("Globals") or {}).get("Function") or {}


def read_pins(root: Path, file: Path) -> dict[str, Pin]:
    """Package -> pin of a layer's requirements; none where the layer has no such file."""
    if not (root / file).is_file():
        return {}
    pins = {}
    for number, line in enumerate((root / file).read_text(encoding="utf-8").splitlines(), 1):
        requirement = line.partition("#")[0].strip().removesuffix("\\").strip()
        if not requirement or HASH.fullmatch(requirement):
            continue
        place, match = f"{file}, line {number}", PIN.fullmatch(requirement)
        if match is None:
            sys.exit(f"{place}: expected name==version: functions go by it, got {requirement!r}")
        name = normalize(match[1])
        for called in (name, *ALSO_CALLED.get(name, ())):
            pins[called] = Pin(match[2], place)
    return pins


def normalize(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

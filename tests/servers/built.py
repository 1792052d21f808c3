"""What `sam build` made: the code folder and the layers of every function."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from lambda_serving_cli.local_cloud.build import Build, find_architecture
from lambda_serving_cli.local_cloud.layout import Layout, find_uv
from lambda_serving_cli.terminal.errors import CommandError

PROJECT = Path(__file__).parents[2]
STATE = PROJECT / ".local" / "test"
"""The state of the tests' own local cloud."""
FUNCTION, LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"


@dataclass(frozen=True)
class BuiltFunction:
    """One function as it is deployed; `layers` in the order that Lambda lays them over /opt."""

    endpoint: str
    code: Path
    layers: tuple[Path, ...]


def read_template(file: Path = PROJECT / "template.yaml") -> dict[str, Any]:
    """A template, its short forms written out: `!Ref X` is {"Ref": "X"}."""
    template: dict[str, Any] = yaml_parse(file.read_text())
    return template


def list_resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Logical id -> properties of all resources of one type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def read_globals(template: dict[str, Any]) -> dict[str, Any]:
    """What every function of the template has."""
    properties: dict[str, Any] = template.get("Globals", {}).get("Function", {})
    return properties


def read_endpoint_name(properties: dict[str, Any]) -> str:
    """`x` of the function name `${AWS::StackName}-x`."""
    name: str = properties["FunctionName"]["Fn::Sub"]
    return name.removeprefix("${AWS::StackName}-")


def list_layers(template: dict[str, Any], properties: dict[str, Any]) -> list[str]:
    """Logical ids of a function's layers; the ones of Globals come first, as SAM puts them."""
    layers = [*read_globals(template).get("Layers", []), *properties.get("Layers", [])]
    return [layer["Ref"] for layer in layers]


def read_build(folder: Path) -> dict[str, BuiltFunction]:
    """endpoint -> function, from the template that `sam build` wrote into `folder`."""
    template = read_template(folder / "template.yaml")
    content = {
        name: (folder / properties["ContentUri"]).resolve()
        for name, properties in list_resources(template, LAYER).items()
    }
    functions = {}
    for properties in list_resources(template, FUNCTION).values():
        endpoint = read_endpoint_name(properties)
        layers = tuple(content[name] for name in list_layers(template, properties))
        code = (folder / properties["CodeUri"]).resolve()
        functions[endpoint] = BuiltFunction(endpoint, code, layers)
    return functions


@cache
def build_functions() -> dict[str, BuiltFunction]:
    """Build what changed, as `local up --state .local/test` does: both share one build.

    RuntimeError with the end of the log where the build fails.
    """
    layout = Layout(PROJECT, STATE)
    build = Build(
        root=PROJECT,
        target=layout.build,
        cache=layout.cache,
        stamp=layout.stamp("build"),
        architecture=find_architecture(),
    )
    log = layout.log("build")
    try:
        build.run(log, environment_with_uv())
    except CommandError as error:
        raise RuntimeError(f"{error.reason}:\n{log.read_text()[-1500:]}") from error
    return read_build(layout.build)


def environment_with_uv() -> dict[str, str]:
    """The environment with uv on PATH: `uv run` says in UV where it is."""
    path = os.pathsep.join([str(Path(find_uv()).parent), os.environ.get("PATH", os.defpath)])
    return dict(os.environ) | {"PATH": path, "SAM_CLI_TELEMETRY": "0"}

"""`template.yaml` read with the places of its parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lambda_serving_cli.files.content import read_text
from lambda_serving_cli.project.yaml_nodes import compose, dig, list_references, read_node, refer
from lambda_serving_cli.terminal.errors import CommandError

FUNCTION, LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"
HTTP_API = "AWS::Serverless::HttpApi"
STACK = "${AWS::StackName}-"
"""What function names begin with."""

NESTED, MONITORING = "AWS::CloudFormation::Stack", "monitoring.yaml"
"""The type of the nested stack of dashboards and alarms, and its file."""


@dataclass(frozen=True)
class Entry:
    """A resource or an output: its name, its content, and its characters [start, end) of the text,
    which begin and end with whole lines."""

    name: str
    data: dict[str, Any]
    start: int
    end: int

    @property
    def type(self) -> str:
        return str(self.data.get("Type", ""))

    @property
    def properties(self) -> dict[str, Any]:
        found = self.data.get("Properties")
        return found if isinstance(found, dict) else {}


class Template:
    """A template as it is."""

    def __init__(self, text: str) -> None:
        """Raises CommandError where `text` is no YAML mapping."""
        self.text = text
        try:
            self.root = compose(text)
        except yaml.YAMLError as error:
            raise CommandError(f"template.yaml: {error}") from error
        if not isinstance(self.root, yaml.MappingNode):
            raise CommandError("template.yaml: expected a mapping")
        self.data: dict[str, Any] = read_node(self.root)
        self.resources = {entry.name: entry for entry in self._list_entries("Resources")}
        self.outputs = {entry.name: entry for entry in self._list_entries("Outputs")}

    def _list_entries(self, section: str) -> Iterator[Entry]:
        node = find_node(self.root, section)
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            raise CommandError(f"template.yaml: expected {section} as a block of names")
        for key, value in node.value:
            start = self.text.rfind("\n", 0, key.start_mark.index) + 1
            end = self.trim(start, value.end_mark.index, key.start_mark.column)
            data = read_node(value)
            yield Entry(key.value, data if isinstance(data, dict) else {}, start, end)

    def trim(self, start: int, limit: int, indent: int) -> int:
        """The end of a block. Comments after it belong to what follows, unless deeper than it."""
        end = self.text.find("\n", limit) + 1 or len(self.text)
        if self.text[:limit].rpartition("\n")[2].strip() == "":
            end = self.text.rfind("\n", 0, limit) + 1
        lines = self.text[start:end].splitlines(keepends=True)
        while lines and (
            not lines[-1].strip()
            or (lines[-1].lstrip().startswith("#") and _dent(lines[-1]) <= indent)
        ):
            end -= len(lines.pop())
        return end

    def find_function(self, endpoint: str) -> Entry | None:
        """The function of an endpoint, told by its name."""
        return self.functions.get(endpoint)

    @property
    def functions(self) -> dict[str, Entry]:
        """Endpoint -> its function."""
        found = {}
        for entry in self.resources.values():
            if entry.type == FUNCTION:
                text = dig(entry.properties, "FunctionName", "Fn::Sub")
                if isinstance(text, str) and text.startswith(STACK):
                    found[text.removeprefix(STACK)] = entry
        return found

    def find_log_group(self, function: Entry) -> Entry | None:
        """The log group that the function names."""
        return self.resources.get(refer(dig(function.properties, "LoggingConfig", "LogGroup")))

    @property
    def monitoring(self) -> Entry | None:
        """The nested stack that deploys monitoring.yaml."""
        nested = (entry for entry in self.resources.values() if entry.type == NESTED)
        return next(
            (entry for entry in nested if entry.properties.get("TemplateURL") == MONITORING), None
        )

    @property
    def own_log_groups(self) -> dict[str, str]:
        """Endpoint -> logical id of its log group, where that is named after its function."""
        found = {}
        for endpoint, function in self.functions.items():
            group = self.find_log_group(function)
            name = f"/aws/lambda/{STACK}{endpoint}"
            if group and dig(group.properties, "LogGroupName", "Fn::Sub") == name:
                found[endpoint] = group.name
        return found

    def list_dependencies(self, entry: Entry) -> list[str]:
        """Logical ids under `DependsOn`."""
        value = entry.data.get("DependsOn", [])
        return value if isinstance(value, list) else [str(value)]

    @property
    def paths(self) -> yaml.MappingNode | None:
        """The paths that an HTTP API's own OpenAPI document names; None where it has none."""
        apis = (name for name, entry in self.resources.items() if entry.type == HTTP_API)
        node = find_node(find_node(self.root, "Resources"), next(apis, ""))
        for key in ("Properties", "DefinitionBody", "paths"):
            node = find_node(node, key)
        return node if isinstance(node, yaml.MappingNode) else None

    @property
    def routes(self) -> dict[str, str]:
        """Each of these paths -> logical id of the function that it leads to; "" for none."""
        functions = {entry.name for entry in self.resources.values() if entry.type == FUNCTION}
        return {
            key.value: next((name for name in list_references(node) if name in functions), "")
            for key, node in (self.paths.value if self.paths else [])
        }

    def find_outputs(self, function: Entry) -> list[Entry]:
        """The outputs that give the function's name."""
        return [
            out for out in self.outputs.values() if refer(out.data.get("Value")) == function.name
        ]

    @property
    def layers(self) -> dict[str, str]:
        """Folder of layers/ -> logical id of its layer."""
        return {
            Path(str(entry.properties.get("ContentUri", ""))).name: entry.name
            for entry in self.resources.values()
            if entry.type == LAYER
        }

    @property
    def global_layers(self) -> list[str]:
        """Logical ids of the layers that every function has."""
        return [refer(layer) for layer in dig(self.data, "Globals", "Function", "Layers") or []]

    def list_layers(self, function: Entry | None) -> list[str]:
        """Logical ids of all layers of a function."""
        return self.global_layers + (self.list_references(function, "Layers") if function else [])

    def list_references(self, function: Entry, key: str) -> list[str]:
        """Logical ids under `Layers` or the like of a function; "" for what is no `!Ref`."""
        value = function.properties.get(key)
        return [refer(item) for item in value] if isinstance(value, list) else []


def read_template(path: Path) -> Template:
    """Raises CommandError where it cannot be read."""
    return Template(read_text(path))


def find_node(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of a key; None where there is none."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _dent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

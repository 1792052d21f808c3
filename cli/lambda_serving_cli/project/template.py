"""`template.yaml` read with the places of its parts, and edited as text.

YAML libraries write a document anew, and lose its comments, blank lines and short forms. Here the
parser only tells where things stand; what is not edited stays byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lambda_serving_cli.project.files import read_text
from lambda_serving_cli.project.yaml_nodes import compose, dig, list_references, read_node, refer
from lambda_serving_cli.terminal.steps import StepError

FUNCTION, LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"
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
    """A template as it is; what edits it gives the new text."""

    def __init__(self, text: str) -> None:
        """Raises StepError where `text` is no YAML mapping."""
        self.text = text
        try:
            self._root = compose(text)
        except yaml.YAMLError as error:
            raise StepError(f"template.yaml: {error}") from error
        if not isinstance(self._root, yaml.MappingNode):
            raise StepError("template.yaml: expected a mapping")
        self.data: dict[str, Any] = read_node(self._root)
        self.resources = {entry.name: entry for entry in self._list_entries("Resources")}
        self.outputs = {entry.name: entry for entry in self._list_entries("Outputs")}

    def _list_entries(self, section: str) -> Iterator[Entry]:
        node = _find(self._root, section)
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            raise StepError(f"template.yaml: expected {section} as a block of names")
        for key, value in node.value:
            start = self.text.rfind("\n", 0, key.start_mark.index) + 1
            end = self._trim(start, value.end_mark.index, key.start_mark.column)
            data = read_node(value)
            yield Entry(key.value, data if isinstance(data, dict) else {}, start, end)

    def _trim(self, start: int, limit: int, indent: int) -> int:
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

    def list_references(self, function: Entry, key: str) -> list[str]:
        """Logical ids under `Layers` or `Policies` of a function; "" for what is no `!Ref`."""
        value = function.properties.get(key)
        return [refer(item) for item in value] if isinstance(value, list) else []

    # --- edits: each gives the new text -------------------------------------------------------

    def insert(self, function: str, output: str, log_group: str) -> str:
        """The text with a function's block after the last one's, and its output the same; what
        watches the logs waits for the new log group.

        Raises:
            StepError: the nested stack's `DependsOn` is no block of names.
        """
        own = [entry for function_ in self.functions.values() for entry in self._own(function_)]
        layers = [entry for entry in self.resources.values() if entry.type == LAYER]
        resources = list(self.resources.values())
        place = max(entry.end for entry in own or layers or resources)
        outputs = [out for entry in self.functions.values() for out in self.find_outputs(entry)]
        below = max(entry.end for entry in outputs or list(self.outputs.values()))
        edits = [(place, place, f"\n{function}"), (below, below, output)]
        return self._splice([*edits, *self._add_dependency(log_group)])

    def remove(self, function: Entry) -> str:
        """The text without a function, its log group and its outputs.

        Raises:
            StepError: something else in the template refers to them.
        """
        entries = [*self._own(function), *self.find_outputs(function)]
        names = {entry.name for entry in self._own(function)}
        spans = [*self._join(entries), *self._find_dependencies(names)]
        text = self._splice([(start, end, "") for start, end in spans])
        left = sorted(names & set(list_references(compose(text))))
        if left:
            raise StepError(
                f"template.yaml: something else refers to {', '.join(left)}",
                advice="take that out of the template first",
            )
        return text

    def _own(self, function: Entry) -> list[Entry]:
        group = self.find_log_group(function)
        return [function] if group is None else [function, group]

    def _join(self, entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
        """The characters of the blocks, with the blank line that parts them from their neighbours:
        the one before, or else the one after."""
        spans: list[list[int]] = []
        for entry in sorted(entries, key=lambda entry: entry.start):
            if spans and spans[-1][1] == entry.start:
                spans[-1][1] = entry.end
            else:
                spans.append([entry.start, entry.end])
        for start, end in spans:
            if before := re.search(r"(?<=\n)\r?\n\Z", self.text[:start]):
                yield before.start(), end
            else:
                after = re.match(r"\r?\n", self.text[end:])
                yield start, end + (after.end() if after else 0)

    def _add_dependency(self, log_group: str) -> Iterator[tuple[int, int, str]]:
        stack = self.monitoring
        if stack is None:
            return
        _, node = self._find_dependency_list(stack)
        if node is None:
            kind = _find(_find(_find(self._root, "Resources"), stack.name), "Type")
            place = self._end_line(kind) if kind else stack.end
            yield place, place, f"    DependsOn:\n      - {log_group}\n"
            return
        if not isinstance(node, yaml.SequenceNode) or node.flow_style:
            raise StepError(
                f"template.yaml: {stack.name}: expected DependsOn as a list, a line for each name",
                advice=f"write it so; {log_group} is to be one of them",
            )
        place = self._end_line(node.value[-1])
        indent = " " * (node.value[-1].start_mark.column - 2)
        yield place, place, f"{indent}- {log_group}\n"

    def _find_dependencies(self, names: set[str]) -> Iterator[tuple[int, int]]:
        """The lines that name log groups in the nested stack's list; all of it if none is left."""
        key, node = self._find_dependency_list(self.monitoring)
        if key is None or not isinstance(node, yaml.SequenceNode) or node.flow_style:
            return
        gone = [item for item in node.value if item.value in names]
        if len(gone) == len(node.value):
            yield self._begin_line(key), self._end_line(node.value[-1])
        else:
            yield from ((self._begin_line(item), self._end_line(item)) for item in gone)

    def _find_dependency_list(
        self, stack: Entry | None
    ) -> tuple[yaml.Node | None, yaml.Node | None]:
        """The key and the value."""
        found = _find(_find(self._root, "Resources"), stack.name) if stack else None
        pairs = found.value if isinstance(found, yaml.MappingNode) else []
        return next((pair for pair in pairs if pair[0].value == "DependsOn"), (None, None))

    def _begin_line(self, node: yaml.Node) -> int:
        return self.text.rfind("\n", 0, node.start_mark.index) + 1

    def _end_line(self, node: yaml.Node) -> int:
        return self.text.find("\n", node.end_mark.index) + 1 or len(self.text)

    def set_references(
        self, function: Entry, key: str, wanted: Sequence[str], own: Sequence[str]
    ) -> str:
        """The text with `wanted` under `key` (`Layers`, `Policies`), and the rest of `own` not.

        What else stands there stays as it is written.

        Raises:
            StepError: the list is not in one line, as `[!Ref A, !Ref B]`.
        """
        node = self._find_property(function, key)
        if node is None and not wanted:
            return self.text
        if not isinstance(node, yaml.SequenceNode) or not node.flow_style:
            raise StepError(
                f"template.yaml: {function.name}: expected {key} like [!Ref A, !Ref B]",
                advice=f"write it so; it must hold {', '.join(wanted) or 'nothing of ours'}",
            )
        kept = [
            self.text[item.start_mark.index : item.end_mark.index]
            for item in node.value
            if refer(read_node(item)) not in own or refer(read_node(item)) in wanted
        ]
        there = self.list_references(function, key)
        items = [*kept, *(f"!Ref {name}" for name in wanted if name not in there)]
        text = f"[{', '.join(items)}]"
        return self._splice([(node.start_mark.index, node.end_mark.index, text)])

    def _find_property(self, function: Entry, key: str) -> yaml.Node | None:
        resources = _find(self._root, "Resources")
        return _find(_find(_find(resources, function.name), "Properties"), key)

    def _splice(self, edits: Sequence[tuple[int, int, str]]) -> str:
        text = self.text
        line_end = "\r\n" if "\r\n" in text else "\n"
        for start, end, new in sorted(edits, reverse=True):
            head = text[:start]
            if new.endswith("\n") and head and not head.endswith("\n"):
                head += line_end
            text = head + new.replace("\n", line_end) + text[end:]
        return text


def read_template(path: Path) -> Template:
    """Raises StepError where it cannot be read."""
    return Template(read_text(path))


def _find(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _dent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

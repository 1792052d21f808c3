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

from lambda_serving_cli.files.content import read_text
from lambda_serving_cli.monitoring.block import cut_block
from lambda_serving_cli.project.yaml_nodes import compose, dig, list_references, read_node, refer
from lambda_serving_cli.terminal.errors import CommandError

FUNCTION, LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"
STACK = "${AWS::StackName}-"
"""What function names begin with."""


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
        """Raises CommandError where `text` is no YAML mapping."""
        self.text = text
        try:
            self._root = compose(text)
        except yaml.YAMLError as error:
            raise CommandError(f"template.yaml: {error}") from error
        if not isinstance(self._root, yaml.MappingNode):
            raise CommandError("template.yaml: expected a mapping")
        self.data: dict[str, Any] = read_node(self._root)
        self.resources = {entry.name: entry for entry in self._list_entries("Resources")}
        self.outputs = {entry.name: entry for entry in self._list_entries("Outputs")}

    def _list_entries(self, section: str) -> Iterator[Entry]:
        node = _find(self._root, section)
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            raise CommandError(f"template.yaml: expected {section} as a block of names")
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

    def insert(self, function: str, output: str) -> str:
        """The text with a function's block after the last one's, and its output the same."""
        own = [entry for function_ in self.functions.values() for entry in self._own(function_)]
        layers = [entry for entry in self.resources.values() if entry.type == LAYER]
        resources = list(self.resources.values())
        place = max(entry.end for entry in own or layers or resources)
        outputs = [out for entry in self.functions.values() for out in self.find_outputs(entry)]
        below = max(entry.end for entry in outputs or list(self.outputs.values()))
        return self._splice([(place, place, f"\n{function}"), (below, below, output)])

    def remove(self, function: Entry) -> str:
        """The text without a function, its log group and its outputs.

        Raises:
            CommandError: something else in the template refers to them, other than the dashboard
                and the alarms, which follow.
        """
        entries = [*self._own(function), *self.find_outputs(function)]
        text = self._splice([(start, end, "") for start, end in self._join(entries)])
        names = {entry.name for entry in self._own(function)}
        left = sorted(names & set(list_references(compose(cut_block(text)))))
        if left:
            raise CommandError(
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

    def set_references(
        self, function: Entry, key: str, wanted: Sequence[str], own: Sequence[str]
    ) -> str:
        """The text with `wanted` under `key` (`Layers`, `Policies`), and the rest of `own` not.

        What else stands there stays as it is written.

        Raises:
            CommandError: the list is not in one line, as `[!Ref A, !Ref B]`.
        """
        node = self._find_property(function, key)
        if node is None and not wanted:
            return self.text
        if not isinstance(node, yaml.SequenceNode) or not node.flow_style:
            raise CommandError(
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
    """Raises CommandError where it cannot be read."""
    return Template(read_text(path))


def _find(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _dent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

"""Edits of `template.yaml` as text: each gives the new text.

The parser only tells where things stand; what is not edited stays byte for byte
(docs/decisions/0016-files-edited-in-place.md has what ruamel.yaml would change).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from lambda_serving_cli.project.template import LAYER, Entry, Template, find_node
from lambda_serving_cli.project.yaml_nodes import compose, list_references, read_node, refer
from lambda_serving_cli.terminal.errors import CommandError


def insert(template: Template, function: str, output: str, log_group: str, paths: str) -> str:
    """The text with a function's block after the last one's, its output and paths the same; what
    watches the logs waits for the new log group.

    Raises:
        CommandError: the nested stack's `DependsOn` is no block of names, or the paths are none.
    """
    own = [
        entry for function_ in template.functions.values() for entry in _own(template, function_)
    ]
    layers = [entry for entry in template.resources.values() if entry.type == LAYER]
    resources = list(template.resources.values())
    place = max(entry.end for entry in own or layers or resources)
    outputs = [out for entry in template.functions.values() for out in template.find_outputs(entry)]
    below = max(entry.end for entry in outputs or list(template.outputs.values()))
    edits = [(place, place, f"\n{function}"), (below, below, output)]
    edits += [*_add_dependency(template, log_group), *_add_paths(template, paths)]
    return _splice(template, edits)


def remove(template: Template, function: Entry) -> str:
    """The text without a function, its log group and its outputs.

    Raises:
        CommandError: something else in the template refers to them.
    """
    entries = [*_own(template, function), *template.find_outputs(function)]
    names = {entry.name for entry in _own(template, function)}
    spans = [*_join(template, entries), *_find_dependencies(template, names)]
    edits = [(start, end, "") for start, end in spans]
    text = _splice(template, [*edits, *_drop_paths(template, function)])
    left = sorted(names & set(list_references(compose(text))))
    if left:
        raise CommandError(
            f"template.yaml: something else refers to {', '.join(left)}",
            advice="take that out of the template first",
        )
    return text


def _own(template: Template, function: Entry) -> list[Entry]:
    group = template.find_log_group(function)
    return [function] if group is None else [function, group]


def _join(template: Template, entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """The characters of the blocks, with the blank line that parts them from their neighbours:
    the one before, or else the one after."""
    spans: list[list[int]] = []
    for entry in sorted(entries, key=lambda entry: entry.start):
        if spans and spans[-1][1] == entry.start:
            spans[-1][1] = entry.end
        else:
            spans.append([entry.start, entry.end])
    for start, end in spans:
        if before := re.search(r"(?<=\n)\r?\n\Z", template.text[:start]):
            yield before.start(), end
        else:
            after = re.match(r"\r?\n", template.text[end:])
            yield start, end + (after.end() if after else 0)


def _add_dependency(template: Template, log_group: str) -> Iterator[tuple[int, int, str]]:
    stack = template.monitoring
    if stack is None:
        return
    _, node = _find_dependency_list(template, stack)
    if node is None:
        kind = find_node(find_node(find_node(template.root, "Resources"), stack.name), "Type")
        place = _end_line(template, kind) if kind else stack.end
        yield place, place, f"    DependsOn:\n      - {log_group}\n"
        return
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        raise CommandError(
            f"template.yaml: {stack.name}: expected DependsOn as a list, a line for each name",
            advice=f"write it so; {log_group} is to be one of them",
        )
    place = _end_line(template, node.value[-1])
    indent = " " * (node.value[-1].start_mark.column - 2)
    yield place, place, f"{indent}- {log_group}\n"


def _find_dependencies(template: Template, names: set[str]) -> Iterator[tuple[int, int]]:
    """The lines that name log groups in the nested stack's list; all of it if none is left."""
    key, node = _find_dependency_list(template, template.monitoring)
    if key is None or not isinstance(node, yaml.SequenceNode) or node.flow_style:
        return
    gone = [item for item in node.value if item.value in names]
    if len(gone) == len(node.value):
        yield _begin_line(template, key), _end_line(template, node.value[-1])
    else:
        yield from ((_begin_line(template, item), _end_line(template, item)) for item in gone)


def _find_dependency_list(
    template: Template, stack: Entry | None
) -> tuple[yaml.Node | None, yaml.Node | None]:
    """The key and the value."""
    found = find_node(find_node(template.root, "Resources"), stack.name) if stack else None
    pairs = found.value if isinstance(found, yaml.MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == "DependsOn"), (None, None))


def _add_paths(template: Template, paths: str) -> Iterator[tuple[int, int, str]]:
    node = template.paths
    if node is None:
        return
    if node.flow_style and not node.value:  # `{}`
        yield node.start_mark.index - 1, _end_line(template, node), paths
        return
    if node.flow_style:
        advice = f"write them so; there is to be\n{paths}"
        raise CommandError("template.yaml: expected the paths of Api line by line", advice=advice)
    spans = list(_list_paths(template, node).values())
    place = spans[-1][1]
    yield place, place, paths


def _drop_paths(template: Template, function: Entry) -> Iterator[tuple[int, int, str]]:
    """Without the paths that lead to the function; `{}` if none is left."""
    if template.paths is None or template.paths.flow_style:
        return
    spans = _list_paths(template, template.paths)
    gone = [spans[path] for path, name in template.routes.items() if name == function.name]
    if len(gone) < len(spans):
        yield from ((start, end, "") for start, end in gone)
        return
    start, end = (len(template.text[:place].rstrip("\r\n")) for place in (gone[0][0], gone[-1][1]))
    yield start, end, " {}"


def _list_paths(template: Template, node: yaml.MappingNode) -> dict[str, tuple[int, int]]:
    """Path -> its lines. An alias as value says where its anchor stands: keys alone count."""
    keys = [key for key, _ in node.value]
    starts = [_begin_line(template, key) for key in keys]
    end = template.trim(starts[-1], node.end_mark.index, keys[-1].start_mark.column)
    spans = itertools.pairwise([*starts, end])
    return {key.value: span for key, span in zip(keys, spans, strict=True)}


def _begin_line(template: Template, node: yaml.Node) -> int:
    return template.text.rfind("\n", 0, node.start_mark.index) + 1


def _end_line(template: Template, node: yaml.Node) -> int:
    return template.text.find("\n", node.end_mark.index) + 1 or len(template.text)


def set_references(
    template: Template, function: Entry, key: str, wanted: Sequence[str], own: Sequence[str]
) -> str:
    """The text with `wanted` under `key` (`Layers`), and the rest of `own` not.

    What else stands there stays as it is written.

    Raises:
        CommandError: the list is not in one line, as `[!Ref A, !Ref B]`.
    """
    node = _find_property(template, function, key)
    if node is None and not wanted:
        return template.text
    if not isinstance(node, yaml.SequenceNode) or not node.flow_style:
        raise CommandError(
            f"template.yaml: {function.name}: expected {key} like [!Ref A, !Ref B]",
            advice=f"write it so; it must hold {', '.join(wanted) or 'nothing of ours'}",
        )
    kept = [
        template.text[item.start_mark.index : item.end_mark.index]
        for item in node.value
        if refer(read_node(item)) not in own or refer(read_node(item)) in wanted
    ]
    there = template.list_references(function, key)
    items = [*kept, *(f"!Ref {name}" for name in wanted if name not in there)]
    text = f"[{', '.join(items)}]"
    return _splice(template, [(node.start_mark.index, node.end_mark.index, text)])


def set_policy(
    template: Template, function: Entry, policy: str, is_ours: Callable[[Any], bool]
) -> str:
    """The text with `policy`, a flow mapping or "", as the one item of `Policies` that is ours.

    What else stands there stays as it is written.

    Raises:
        CommandError: `Policies` is no list.
    """
    node = _find_property(template, function, "Policies")
    if node is None:
        kind = _find_property(template, function, "FunctionName")
        assert kind is not None  # by which it is an endpoint's
        place = _end_line(template, kind)
        return _splice(template, [(place, place, f"      Policies: [{policy}]\n")])
    if not isinstance(node, yaml.SequenceNode):
        raise CommandError(
            f"template.yaml: {function.name}: expected Policies as a list",
            advice="write it so: `Policies: [!Ref Mine]`",
        )
    kept = [item for item in node.value if not is_ours(read_node(item))]
    if not node.flow_style:
        return _set_item(template, node, policy, kept)
    texts = [template.text[item.start_mark.index : item.end_mark.index] for item in kept]
    listed = ", ".join([*([policy] if policy else []), *texts])
    return _splice(template, [(node.start_mark.index, node.end_mark.index, f"[{listed}]")])


def _set_item(
    template: Template, node: yaml.SequenceNode, policy: str, kept: Sequence[yaml.Node]
) -> str:
    """The same in a list of a line or more for each item."""
    column = node.start_mark.column
    spans = []
    for item in node.value:
        start = _begin_line(template, item)
        spans.append((start, template.trim(start, item.end_mark.index, column), item not in kept))
    edits = [(start, end, "") for start, end, is_own in spans if is_own]
    # `policy` goes on in lines for a list whose items stand 4 columns further left.
    text = f"- {policy.replace('\n', '\n    ')}" if policy else "[]" * (not kept)
    if text:
        edits.append((spans[0][0], spans[0][0], f"{' ' * column}{text}\n"))
    return _splice(template, edits)


def _find_property(template: Template, function: Entry, key: str) -> yaml.Node | None:
    resources = find_node(template.root, "Resources")
    return find_node(find_node(find_node(resources, function.name), "Properties"), key)


def _splice(template: Template, edits: Sequence[tuple[int, int, str]]) -> str:
    text = template.text
    line_end = "\r\n" if "\r\n" in text else "\n"
    for start, end, new in sorted(edits, reverse=True):
        head = text[:start]
        if new.endswith("\n") and head and not head.endswith("\n"):
            head += line_end
        text = head + new.replace("\n", line_end) + text[end:]
    return text

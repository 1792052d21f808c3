"""CloudFormation's YAML as plain values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is ten times as fast, and gives the same places."""


MERGE = "tag:yaml.org,2002:merge"
"""Tag of the key `<<`."""

DEEPEST = 60
"""Levels of a document. CloudFormation's own templates have about ten."""

SUSPICIOUS = 10_000
"""Signs that may each open a level. The parser in C takes 20,000 levels."""

MOST_NODES = 500_000
"""Nodes of a document with its aliases written out; a template has at most 1 MB."""


def compose(text: str) -> yaml.Node | None:
    """The document with the places of its parts.

    Raises:
        yaml.YAMLError: it is no YAML, or nested too deeply, or its aliases never end or expand to
            more than a template can have.
    """
    _check_depth(text)
    found: yaml.Node | None = yaml.compose(text, Loader=LOADER)
    if found is not None and _measure(found, {}, 0)[0] > MOST_NODES:
        raise yaml.YAMLError(f"its aliases expand to more than {MOST_NODES:,} nodes")
    return found


def _check_depth(text: str) -> None:
    """Before anything recurses into it: the parser in C ends the process where that is too deep.

    Only where there are that many signs that open a level: it takes half as long as reading.
    """
    if sum(map(text.count, "[{-?")) < SUSPICIOUS:
        return
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1  # type: ignore[union-attr]
                raise yaml.YAMLError(f"line {line}: nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]], depth: int) -> tuple[int, int]:
    """(nodes, levels) with aliases written out. One that holds itself has levels without end."""
    nodes, levels = known.get(id(node), (1, 1))
    if id(node) not in known and depth < DEEPEST:
        for child in node.value if isinstance(node, yaml.CollectionNode) else ():
            for part in child if isinstance(child, tuple) else (child,):
                more, below = _measure(part, known, depth + 1)
                nodes, levels = nodes + more, max(levels, 1 + below)
        known[id(node)] = nodes, levels
    if depth + levels > DEEPEST:
        line = node.start_mark.line + 1
        raise yaml.YAMLError(f"line {line}: an alias refers to what it is in, or nests too deeply")
    return nodes, levels


def refer(value: Any) -> str:
    """`X` of `!Ref X`; "" of anything else."""
    name = value.get("Ref") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else ""


def read_node(node: yaml.Node | None) -> Any:
    """Plain values, the short forms written out: `!Ref X` is {"Ref": "X"}, and `<<` merged."""
    if isinstance(node, yaml.MappingNode):
        value: Any = {}
        for key, item in sorted(node.value, key=lambda pair: pair[0].tag != MERGE):
            content = read_node(item)
            value |= content if key.tag == MERGE else {str(read_node(key)): content}
    elif isinstance(node, yaml.SequenceNode):
        value = [read_node(item) for item in node.value]
    else:
        value = None if node is None else node.value
    tag = "" if node is None else node.tag
    if not tag.startswith("!"):
        return value
    name = tag[1:]
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


def dig(value: Any, *keys: str) -> Any:
    """What lies below these keys; None where a part of the way is missing or no mapping."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def list_references(node: yaml.Node | None) -> Iterator[str]:
    """Every name that the template refers to."""
    yield from _list_names(read_node(node))


def _list_names(value: Any) -> Iterator[str]:
    if isinstance(value, str) or value is None:
        return
    for item in value if isinstance(value, list) else value.values():
        yield from _list_names(item)
    for name, item in value.items() if isinstance(value, dict) else ():
        first = item[0] if isinstance(item, list) and item else item
        if name == "DependsOn":
            yield from item if isinstance(item, list) else [item]
        elif isinstance(first, str) and name in ("Ref", "Fn::GetAtt"):
            yield first.partition(".")[0]
        elif isinstance(first, str) and name == "Fn::Sub":
            yield from re.findall(r"\$\{(\w+)", first)

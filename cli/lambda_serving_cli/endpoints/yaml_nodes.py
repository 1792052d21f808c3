"""CloudFormation's YAML as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is ten times as fast, and gives the same places."""


def compose(text: str) -> yaml.Node | None:
    """The document with the places of its parts.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    found: yaml.Node | None = yaml.compose(text, Loader=LOADER)
    return found


def refer(value: Any) -> str:
    """`X` of `!Ref X`; "" of anything else."""
    name = value.get("Ref") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else ""


def read_node(node: yaml.Node | None) -> Any:
    """Plain values, the short forms written out: `!Ref X` is {"Ref": "X"}."""
    if isinstance(node, yaml.MappingNode):
        value: Any = {str(read_node(key)): read_node(item) for key, item in node.value}
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

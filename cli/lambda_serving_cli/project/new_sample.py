"""The sample that a new endpoint begins with: the user's, or one made of what the code reads."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambda_serving.errors import SettingsError
from lambda_serving.messages.sample import DEFAULT, FOLDER, read_sample
from lambda_serving.settings.runtime import PAYLOAD_LIMIT
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.code import find_main
from lambda_serving_cli.terminal.errors import CommandError

Function = ast.FunctionDef | ast.AsyncFunctionDef

READ_FIRST = ("preprocess", "process")
"""Methods of the class, of which the first that is there gets the body."""

MADE_UP = 1
"""The value of a key that the code gives no default for."""


def plan_sample(changes: Changes, folder: Path, given: Path | None, code: Path | None) -> None:
    """A sample among the changes, where one is given or the code tells the keys of a body.

    Raises:
        CommandError: the one that is given is no body of a request.
    """
    if given is not None:
        try:
            sample = read_sample(given, PAYLOAD_LIMIT)
        except SettingsError as error:
            raise CommandError(f"--sample {given}: {error.detail}") from error
        changes.write(folder / f"{DEFAULT}{given.suffix or '.json'}", sample.content)
    elif not _has_sample(changes, folder):
        body = guess_body(find_main(code)) if code else {}
        place = f"functions/{folder.name}/{DEFAULT}.json"
        if body:
            changes.write(folder / f"{DEFAULT}.json", json.dumps(body, indent=2) + "\n")
            changes.notes.append(f"{place} has the keys that the code reads, with made-up values")
        does = "put a request there" if body else f"put a request into {place}"
        changes.notes.append(f"{does}: `make up` sends it, and the docs page shows it")


def _has_sample(changes: Changes, folder: Path) -> bool:
    """Whether the user's folder brings samples."""
    places = [path.relative_to(folder) for path in changes.written if path.is_relative_to(folder)]
    return any(place.stem == DEFAULT or place.parts[0] == FOLDER for place in places)


def guess_body(code: Path) -> dict[str, Any]:
    """The keys that `Preprocess` reads of a body, with its defaults or made-up values."""
    tree = ast.parse(code.read_bytes())
    methods = {
        node.name: node
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef) and cls.name == "Preprocess"
        for node in cls.body
        if isinstance(node, Function)
    }
    method = next((methods[name] for name in READ_FIRST if name in methods), None)
    if method is None or len(method.args.args) < 2:
        return {}
    return dict(_list_keys(method, method.args.args[1].arg))


def _list_keys(method: Function, body: str) -> Iterator[tuple[str, Any]]:
    """`body["key"]` and `body.get("key", default)`, in their order."""
    nodes = [node for node in ast.walk(method) if isinstance(node, ast.Subscript | ast.Call)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        match node:
            case ast.Subscript(ast.Name(name), ast.Constant(str(key)), ast.Load()) if name == body:
                yield key, MADE_UP
            case ast.Call(
                ast.Attribute(ast.Name(name), "get"), [ast.Constant(str(key)), *rest]
            ) if name == body:
                yield key, _read_default(rest)


def _read_default(arguments: list[ast.expr]) -> Any:
    try:
        value = ast.literal_eval(arguments[0]) if arguments else None
        json.dumps(value)
    except (ValueError, TypeError):
        value = None
    return MADE_UP if value is None else value

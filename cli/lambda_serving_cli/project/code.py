"""The user's code: checked, and copied into an endpoint's folder."""

import ast
from collections.abc import Iterable
from pathlib import Path

from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.toml_file import FILE
from lambda_serving_cli.terminal.errors import CommandError

USUAL = "preprocess.py"


def plan_code(changes: Changes, source: Path, folder: Path, below: str = "") -> str | None:
    """Copy a `preprocess.py`, a package or a folder that holds either into an endpoint's folder.

    `below` is the folder in it for a version's own code. Gives what `preprocess` in endpoint.toml
    must say, or None where the code lies in the usual place.

    Raises:
        CommandError: there is no such code, Python cannot read it, or the place is taken.
    """
    main, target = find_main(source), folder / below
    check_code(main)
    if below and target.exists():
        raise CommandError(
            f"functions/{folder.name}/{below} is there already", advice="remove or rename it"
        )
    name = USUAL
    if source.is_file():
        changes.copy(source, target / USUAL)
    elif main.name == "__init__.py":
        name = "preprocess"
        changes.copy(source, target / name)
    else:
        for path in sorted(source.iterdir()):
            if path.name not in (FILE, "__pycache__"):
                changes.copy(path, target / path.name)
    return f"{below}/{name}" if below else None


def find_main(source: Path) -> Path:
    """The file that holds `Preprocess`."""
    candidates = [source, source / "__init__.py", source / USUAL]
    for path in candidates:
        if path.is_file():
            return path
    raise CommandError(
        f"there is no code at {source}",
        advice=f"name a Python file, a package, or a folder that holds {USUAL}",
    )


def may_load(file: Path | None) -> bool:
    """Whether the code may have a `load`, as far as can be told without importing it: it defines
    one, or takes its class from elsewhere. What is no Python is told by `check_code`."""
    if file is None:
        return False
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError, OSError):
        return True
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    own = [node for node in classes if node.name == "Preprocess"]
    return "load" in _list_names(nodes) or not own or any(node.bases for node in own)


def check_code(file: Path) -> None:
    """See that a file is Python, and makes a name `Preprocess`.

    Nothing is imported: the code may need libraries that are in its layer alone.

    Raises:
        CommandError: it is not, with the line; or it does not.
    """
    try:
        tree = ast.parse(file.read_bytes(), filename=file.name)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""  # none where no line is to blame
        raise CommandError(f"{file}{where}: {error.msg}") from error
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        raise CommandError(f"{file}: {error}") from error
    if not {"Preprocess", "*"} & _list_names(ast.walk(tree)):
        raise CommandError(
            f"{file}: expected a class named 'Preprocess', found none",
            advice="docs/preprocess.md says what it may have",
        )


def _list_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Of classes, functions, imports and variables; "*" of an import of everything."""
    return {getattr(node, key, "") for node in nodes for key in ("name", "asname", "id")}

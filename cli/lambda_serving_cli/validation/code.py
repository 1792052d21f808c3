"""The user's code as its text tells: what it imports, and whom it asks. Nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from lambda_serving.errors import UserCodeLoadError
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.user_code.preprocess import find_preprocess, name_module

LENIENT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
"""Who catches these does without what an import in the block would bring."""

CONDITIONS = {"TYPE_CHECKING", "find_spec", "version_info", "platform", "os"}
"""A condition that names one of these decides whether an import is made at all."""


ENDINGS = (".py", ".pyc", ".so", ".pyd", ".dylib")
"""Of files that hold modules, for whatever platform."""


@dataclass(frozen=True)
class Import:
    """An import that is made without a way out; `name` is as it is written, "a.b"."""

    name: str
    file: Path
    line: int


@dataclass(frozen=True)
class Call:
    """A use of `send_request`; `endpoint` where the code names it in plain text."""

    file: Path
    line: int
    endpoint: str | None = None


@dataclass
class Code:
    """What a `Preprocess` and the user's own files that it imports say."""

    imports: list[Import] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    """Names of all functions and methods."""


def read_code(main: Path, folder: Path) -> Code:
    """Read the file of `Preprocess`, and every file of its own that it imports.

    Files that Python cannot read are left out: `check_code` tells of them.
    """
    roots = list(dict.fromkeys([name_module(main)[0], folder]))
    code, seen, waiting = Code(), set[Path](), [main]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        try:
            tree = ast.parse(file.read_bytes())
            reader = _Reader(file, roots, code)
            reader.visit(tree)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        waiting += reader.own
    code.imports.sort(key=lambda each: (str(each.file), each.line))
    return code


class _Reader(ast.NodeVisitor):
    """Collects from one file; `own` are the user's files that it imports."""

    def __init__(self, file: Path, roots: list[Path], code: Code) -> None:
        self.own: list[Path] = []
        self._file = file
        self._roots = roots
        self._code = code
        self._lenient = 0

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._note(alias.name, [], node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = [alias.name for alias in node.names]
        if node.level == 0:
            self._note(node.module or "", names, node.lineno)
        elif len(self._file.parents) >= node.level:
            base = self._file.parents[node.level - 1]
            self.own += find_files(base, (node.module or "").split("."), names)

    def _note(self, name: str, below: list[str], line: int) -> None:
        parts = name.split(".")
        root = next((root for root in self._roots if has_module(root, parts[0])), None)
        if root is not None:
            self.own += find_files(root, parts, below)
        elif not self._lenient:
            self._code.imports.append(Import(name, self._file, line))

    def visit_Try(self, node: ast.Try) -> None:
        is_lenient = any(handler.type is None or _names(handler.type) & LENIENT
                         for handler in node.handlers)  # fmt: skip
        # The handler is for where the import failed, and `else` for where it did not.
        self._visit_all([*node.body, *node.handlers, *node.orelse], is_lenient)
        self._visit_all(node.finalbody, False)

    def visit_With(self, node: ast.With) -> None:
        calls = [item.context_expr for item in node.items]
        is_lenient = any(
            isinstance(call, ast.Call)
            and "suppress" in _names(call.func)
            and _names(call) & LENIENT
            for call in calls
        )
        self._visit_all(calls, False)
        self._visit_all(node.body, is_lenient)

    def visit_If(self, node: ast.If) -> None:
        names = _names(node.test)
        is_main = "__name__" in names  # nobody runs it as a script
        self._visit_all(node.body, is_main or bool(names & CONDITIONS))
        self._visit_all(node.orelse, bool(names & CONDITIONS) and "TYPE_CHECKING" not in names)

    def _visit_all(self, nodes: Iterable[ast.AST], is_lenient: bool) -> None:
        self._lenient += is_lenient
        for node in nodes:
            self.visit(node)
        self._lenient -= is_lenient

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._code.methods.add(node.name)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "send_request":
            named = [key.value for key in node.keywords if key.arg == "endpoint"]
            first = next(iter([*node.args, *named]), None)
            text = first.value if isinstance(first, ast.Constant) else None
            endpoint = text if isinstance(text, str) else None
            self._code.calls.append(Call(self._file, node.lineno, endpoint))
            self._visit_all([node.func.value, *node.args, *(k.value for k in node.keywords)], False)
        else:
            self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Passed on, as in `partial(self.send_request, "other")`."""
        if node.attr == "send_request" and isinstance(node.ctx, ast.Load):
            self._code.calls.append(Call(self._file, node.lineno))
        self.generic_visit(node)


def _names(node: ast.AST) -> set[str]:
    """All plain names and attributes in an expression."""
    return {
        name
        for each in ast.walk(node)
        if (name := getattr(each, "id", None) or getattr(each, "attr", None))
    }


def has_module(folder: Path, name: str) -> bool:
    """Whether a folder has a module or package of this name, compiled ones too; not data alone."""
    paths = chain(folder.glob(f"{name}.*"), (folder / name).rglob("*"))
    return any(path.name.endswith(ENDINGS) for path in paths)


def find_main(folder: Path, version: VersionSettings) -> Path | None:
    """The file of a version's `Preprocess`; None where it has none, or `check_files` refuses it."""
    try:
        return find_preprocess(folder, version.preprocess)
    except UserCodeLoadError:
        return None


def find_files(root: Path, parts: list[str], below: list[str]) -> list[Path]:
    """The files that `import a.b` or `from a.b import c` runs: packages, the module, submodules."""
    found, place = [], root
    for part in filter(None, parts):
        place = place / part
        found += [place / "__init__.py", place.with_name(f"{part}.py")]
    for name in below:
        found += [place / f"{name}.py", place / name / "__init__.py"]
    return [file for file in found if file.is_file()]

"""Imports point one way (house rule): from a room to the rooms below it, and never back."""

import ast
from pathlib import Path

import pytest

import lambda_serving
import lambda_serving_cli

RUNTIME = Path(lambda_serving.__file__).parent
COMMAND_LINE = Path(lambda_serving_cli.__file__).parent

RUNTIME_ROOMS = [
    "handler",
    "events",
    "environment",
    "versions",
    "pipeline",
    "telemetry",
    "engines",
    "calls",
    "models",
    "messages",
    "user_code",
    "settings",
    "credentials",
    "errors",
    "user_values",
    "redaction",
    "memory",
]
"""From the top down. A room imports those below it."""

COMMAND_LINE_ROOMS = [
    "main",
    "commands",
    "dev_server",
    "local_cloud",
    "loopback",
    "validation",
    "project",
    "monitoring",
    "cost",
    "registry",
    "conversion",
    "logs",
    "aws",
    "statistics",
    "files",
    "terminal",
    "openmp",
]
"""The same of the command line."""

WEB = {"fastapi", "starlette", "mangum", "boto3", "botocore"}
AT_THE_EDGE = {"events.openapi", "events.http_sources", "calls.lambda_api"}
"""Modules that may import a web framework or botocore, when they are asked for."""


def read_imports(file: Path) -> set[str]:
    """Every module that a file imports, wherever in the file, but for type checking alone."""
    found = set()
    tree = ast.parse(file.read_text())
    for branch in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if isinstance(branch.test, ast.Name) and branch.test.id == "TYPE_CHECKING":
            branch.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def list_modules(package: Path) -> dict[str, Path]:
    """Every module of a package, by its name below it."""
    names = {
        file: [part for part in file.relative_to(package).with_suffix("").parts]
        for file in package.rglob("*.py")
    }
    return {
        ".".join(part for part in parts if part != "__init__"): file
        for file, parts in names.items()
        if parts != ["__init__"]
    }


def find_room(module: str) -> str:
    return module.partition(".")[0]


MODULES = list_modules(RUNTIME)
COMMAND_LINE_MODULES = list_modules(COMMAND_LINE)

HOUSES = {
    "lambda_serving": (RUNTIME_ROOMS, MODULES),
    "lambda_serving_cli": (COMMAND_LINE_ROOMS, COMMAND_LINE_MODULES),
}


@pytest.mark.parametrize("package", HOUSES)
def test_every_room_has_its_place(package: str) -> None:
    rooms, modules = HOUSES[package]
    assert {find_room(module) for module in modules} == set(rooms)


@pytest.mark.parametrize(
    ("package", "module"),
    [(package, module) for package, (_, modules) in HOUSES.items() for module in sorted(modules)],
)
def test_imports_point_down(package: str, module: str) -> None:
    rooms, modules = HOUSES[package]
    room = find_room(module)
    own = [name for name in read_imports(modules[module]) if name.startswith(f"{package}.")]
    others = {find_room(name.removeprefix(f"{package}.")) for name in own} - {room}
    above = rooms[: rooms.index(room)]
    assert not others & set(above), f"{module} imports upwards"


@pytest.mark.parametrize("module", sorted(COMMAND_LINE_MODULES))
def test_typer_stays_in_the_commands(module: str) -> None:
    roots = {name.partition(".")[0] for name in read_imports(COMMAND_LINE_MODULES[module])}
    assert "typer" not in roots or find_room(module) == "commands"


@pytest.mark.parametrize("module", sorted(set(MODULES) - AT_THE_EDGE))
def test_web_frameworks_stay_at_the_edge(module: str) -> None:
    roots = {name.partition(".")[0] for name in read_imports(MODULES[module])}
    assert not roots & WEB


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_settings_reads_the_environment(module: str) -> None:
    source = MODULES[module].read_text()
    reads = "os.getenv" in source or "environ.get" in source or "= os.environ\n" in source
    assert not reads or find_room(module) == "settings"


@pytest.mark.parametrize(
    "file", sorted({*RUNTIME.rglob("__init__.py"), *COMMAND_LINE.rglob("__init__.py")})
)
def test_a_room_says_what_it_is_for(file: Path) -> None:
    """And re-exports nothing."""
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree)
    assert not [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]

"""Imports point one way (house rule): handler -> entrances -> app -> endpoint -> the rest."""

import ast
from pathlib import Path

import pytest

import lambda_serving

PACKAGE = Path(lambda_serving.__file__).parent
LEVELS = {
    "errors": 0,
    "settings": 1,
    "engines": 0,  # the literal table of engines/__init__.py
    "execution": 1,
    "encoding": 1,
    "models.store": 2,
    "responses": 2,
    "docs": 2,
    "engines.tensors": 2,
    "engines.base": 3,
    "isolation": 0,
    "engines.onnx_session": 4,
    "engines.custom": 4,
    "engines.sklearn": 4,
    "engines.xgboost": 4,
    "engines.lightgbm": 4,
    "engines.onnx": 5,
    "user_code": 4,
    "endpoint": 5,
    "models.versions": 6,
    "bootstrap": 7,
    "app": 8,
    "entrances.http": 9,
    "entrances.invoke": 9,
    "entrances.schedule": 9,
    "entrances": 10,
    "handler": 11,
}
"""A module imports only from lower levels."""
WEB = {"fastapi", "starlette", "mangum", "boto3", "botocore"}


def read_imports(file: Path) -> set[str]:
    """Every module that a file imports, wherever in the file, but for type checking alone."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def name_module(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_module(file): file for file in PACKAGE.rglob("*.py") if name_module(file)}


def test_every_module_has_a_level() -> None:
    assert set(MODULES) - {"models"} == set(LEVELS)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"models"}))
def test_imports_point_down(module: str) -> None:
    imported = {name.removeprefix("lambda_serving.") for name in read_imports(MODULES[module])} & (
        set(LEVELS) - {module}
    )
    upward = {name for name in imported if LEVELS[name] >= LEVELS[module]}
    assert not upward, f"{module} imports {upward}"


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"docs", "entrances.http"}))
def test_web_frameworks_stay_at_the_edge(module: str) -> None:
    roots = {name.partition(".")[0] for name in read_imports(MODULES[module])}
    assert not roots & WEB


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_settings_reads_the_environment(module: str) -> None:
    source = MODULES[module].read_text()
    reads = "os.getenv" in source or "environ.get" in source or "= os.environ\n" in source
    assert reads == (module == "settings")

"""Imports point one way (house rule): handler -> entrances -> app -> endpoint -> the rest."""

import ast
from pathlib import Path

import pytest

import lambda_serving

PACKAGE = Path(lambda_serving.__file__).parent
LEVELS = {
    "redaction": -1,
    "errors": 0,
    "engines": 0,  # the literal table of engines/__init__.py
    "isolation": 0,
    "libraries": 0,
    "memory": 0,
    "request": 0,
    "execution": 1,
    "encoding": 1,
    "traffic": 1,
    "auto_update": 0,
    "emf": 0,
    "metric_types": 3,
    "notes": 0,
    "record": 4,
    "statistics": 5,
    "settings": 2,
    "logs": 3,
    "tracing": 3,
    "endpoint_toml": 4,
    "credentials": 3,
    "guard": 3,
    "rollout": 4,
    "models.location": 1,
    "models.download": 2,
    "models.ranges": 3,
    "models.model": 3,
    "models.store": 4,
    "models.registry": 5,
    "sample": 9,
    "snapshot": 10,
    "follower": 10,
    "responses": 3,
    "asgi": 4,
    "docs": 3,
    "engines.tensors": 3,
    "engines.base": 5,
    "envelope": 4,
    "send_request": 5,
    "lambda_api": 6,
    "canary": 6,
    "engines.onnx_session": 6,
    "engines.custom": 6,
    "engines.sklearn": 6,
    "engines.xgboost": 6,
    "engines.lightgbm": 6,
    "engines.onnx": 7,
    "user_code": 5,
    "endpoint": 8,
    "loading": 9,
    "models.versions": 9,
    "outlets": 10,
    "environment": 11,
    "bootstrap": 12,
    "app": 12,
    "entrances.http": 13,
    "entrances.sources": 12,
    "entrances.invoke": 13,
    "entrances.schedule": 13,
    "entrances": 14,
    "handler": 15,
}
"""A module imports only from lower levels."""
WEB = {"fastapi", "starlette", "mangum", "boto3", "botocore"}


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


@pytest.mark.parametrize(
    "module", sorted(set(MODULES) - {"docs", "entrances.sources", "lambda_api"})
)
def test_web_frameworks_stay_at_the_edge(module: str) -> None:
    roots = {name.partition(".")[0] for name in read_imports(MODULES[module])}
    assert not roots & WEB


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_settings_reads_the_environment(module: str) -> None:
    source = MODULES[module].read_text()
    reads = "os.getenv" in source or "environ.get" in source or "= os.environ\n" in source
    assert reads == (module == "settings")

"""The endpoints of functions/ in the real handler, and the contract suite's closing line."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.conftest import PROJECT, Handler
from tests.contract.shapes import SHAPES

Serve = Callable[[dict[str, Any] | bytes], Any]


@pytest.fixture
def start_endpoint(
    example_models: Path, start_handler: Callable[..., Handler], tmp_path: Path
) -> Callable[[str], Handler]:
    """start_endpoint(name) -> handler(event): a cold start of the endpoint as it is deployed."""

    def start(name: str) -> Handler:
        folder = copytree(PROJECT / "functions" / name, tmp_path / "task")
        return start_handler(folder, SERVING_MODEL_BUCKET=f"file://{example_models}")

    return start


@pytest.fixture
def endpoint(start_endpoint: Callable[[str], Handler]) -> Callable[[str], Serve]:
    """endpoint(name) -> serve(body): direct invokes, bytes in the envelope."""

    def start(name: str) -> Serve:
        handler = start_endpoint(name)

        def serve(body: dict[str, Any] | bytes) -> Any:
            if isinstance(body, dict):
                return handler(body)
            envelope = {"protocol": 1, "content_type": "application/octet-stream"}
            return handler({"serving": envelope, "body": b64encode(body).decode()})

        return serve

    return start


RUNS = pytest.StashKey[set[tuple[Any, Any, Any]]]()


def pytest_runtest_call(item: pytest.Item) -> None:
    """Note each run of the contract suite; the summary counts what really ran."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if {"shape", "engine", "entrance"} <= set(params):
        runs = item.config.stash.setdefault(RUNS, set())
        runs.add((params["shape"].name, params["engine"].name, params["entrance"]))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """``contract: N shapes x M engines x 2 entrances = K runs``, and what has no meaning."""
    runs = config.stash.get(RUNS, set())
    if not runs:
        return
    names, engines, entrances = ({run[part] for run in runs} for part in range(3))
    left_out = [
        f"  without meaning: {shape.name} on {engine}: {reason}"
        for shape in SHAPES
        if shape.name in names
        for engine, reason in shape.meaningless.items()
        if engine in engines
    ]
    terminalreporter.write_line(
        f"contract: {len(names)} shapes x {len(engines)} engines x {len(entrances)} entrances"
        f" = {len(runs)} runs ({len(left_out) * len(entrances)} without meaning, left out)"
    )
    for line in left_out:
        terminalreporter.write_line(line)

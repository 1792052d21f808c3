"""What a run says at its end: how much of the contract suite ran, and how large the functions are.

The tests may run in several processes (pytest-xdist); each hands the first what it noted.
"""

from typing import Any

import pytest

RUNS = pytest.StashKey[set[tuple[str, str, str]]]()
"""(shape, engine, event source) of the contract suite's tests that really ran."""

SIZES = pytest.StashKey[dict[str, int]]()
"""endpoint -> bytes of the built function with its layers."""

LIMIT = 250 * 2**20
"""Bytes of a function with its layers, unzipped (AWS Lambda quotas)."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUNS], config.stash[SIZES] = set(), {}


def pytest_runtest_call(item: pytest.Item) -> None:
    params = getattr(getattr(item, "callspec", None), "params", {})
    if {"shape", "engine", "source"} <= set(params):
        run = (params["shape"].name, params["engine"].name, params["source"])
        item.config.stash[RUNS].add(run)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["runs"] = sorted(session.config.stash[RUNS])
        output["sizes"] = session.config.stash[SIZES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """One of xdist's processes has ended; one that crashed has handed over nothing."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[RUNS].update(map(tuple, output.get("runs", [])))
    node.config.stash[SIZES].update(output.get("sizes", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.stash[RUNS]:
        tell_runs(terminalreporter, config.stash[RUNS])
    if config.stash[SIZES]:
        terminalreporter.section("unzipped size with layers")
    for endpoint, size in config.stash[SIZES].items():
        terminalreporter.line(
            f"{endpoint:<24}{size / 2**20:8.1f} MB of {LIMIT / 2**20:.0f} MB ({size / LIMIT:.0%})"
        )


def tell_runs(terminalreporter: pytest.TerminalReporter, runs: set[tuple[str, str, str]]) -> None:
    """``contract: N shapes x M engines x 2 event sources = K runs``, and what has no meaning."""
    from tests.contract.shapes import SHAPES

    names, engines, sources = ({run[part] for run in runs} for part in range(3))
    left_out = [
        f"  without meaning: {shape.name} on {engine}: {reason}"
        for shape in SHAPES
        if shape.name in names
        for engine, reason in shape.meaningless.items()
        if engine in engines
    ]
    terminalreporter.write_line(
        f"contract: {len(names)} shapes x {len(engines)} engines x {len(sources)} event sources"
        f" = {len(runs)} runs ({len(left_out) * len(sources)} without meaning, left out)"
    )
    for line in left_out:
        terminalreporter.write_line(line)

"""`python -m tests.faults.page` writes docs/faults.md from the rows of the tests."""

import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.faults.cases import INPUT, USER_CODE
from tests.faults.row import Row
from tests.functional import (
    test_failed_calls,
    test_failed_updates,
    test_load_failures,
    test_s3_failures,
)

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN = "<!-- From here on written by `python -m tests.faults.page`. -->\n"
AREAS = (
    "input",
    "user code",
    "settings",
    "S3",
    "credentials",
    "registry",
    "Lambda API",
    "disk",
    "two processes",
    "SIGTERM",
    "restore",
)
MARKED = (
    "tests.faults.test_processes",
    "tests.functional.test_failed_updates",
    "tests.functional.test_hanging_code",
    "tests.functional.test_leftovers",
    "tests.functional.test_load_failures",
    "tests.functional.test_pickles",
    "tests.functional.test_refused_calls",
    "tests.functional.test_snapshot",
)
"""Modules with tests that have the mark ``fault``."""
Proof = tuple[Row, str]
"""A row, and the file of the test that checks it."""


def list_rows() -> dict[str, list[Proof]]:
    """The rows of each area."""
    rows: dict[str, list[Proof]] = defaultdict(list)
    cases = "tests/faults/test_faults.py"
    rows["input"] = [(case.row, cases) for case in INPUT]
    rows["user code"] = [(case.row, cases) for case in USER_CODE]
    rows["user code"] += _prove(test_load_failures, _list_broken_code())
    rows["S3"] = _prove(test_s3_failures, _list_refusals())
    rows["Lambda API"] = _prove(test_failed_calls, _list_failed_calls())
    rows["registry"] = _prove(test_failed_updates, _list_failed_updates())
    for name in MARKED:
        module = importlib.import_module(name)
        for area, *row in _list_marks(module):
            rows[area].append((Row(*row), _find_file(module)))
    return rows


def _prove(module: ModuleType, rows: Iterator[Row]) -> list[Proof]:
    return [(row, _find_file(module)) for row in rows]


def _find_file(module: ModuleType) -> str:
    return f"{module.__name__.replace('.', '/')}.py"


def _list_marks(module: ModuleType) -> Iterator[tuple[str, ...]]:
    for function in vars(module).values():
        for mark in getattr(function, "pytestmark", ()):
            if mark.name == "fault":
                yield mark.args


def _list_refusals() -> Iterator[Row]:
    for status, code, told in test_s3_failures.REFUSALS:
        log = f"{test_s3_failures.LOGGED}… ({told}) [s3://models/…"
        yield Row(f"S3 answers {status} {code}", "503 ModelFetchError", log, AGAIN)


def _list_broken_code() -> Iterator[Row]:
    for fault, (_, detail) in test_load_failures.BROKEN_CODE.items():
        yield Row(fault, "503 UserCodeLoadError", detail, AGAIN)


def _list_failed_calls() -> Iterator[Row]:
    for failure in test_failed_calls.FAILURES:
        log = f"send_request to echo/2 failed: {failure.cause}: … {failure.text}"
        fault = f"a call of `send_request`: {failure.name.replace('_', ' ')}"
        yield Row(fault, "200: `send_request` gives None, in time", log, CALLED)


def _list_failed_updates() -> Iterator[Row]:
    for how in test_failed_updates.BROKEN:
        log = "the update to version 3 failed … version 2 goes on"
        yield Row(f"a new version: {how}", "200, by the version before", log, UPDATED)
    for how in test_failed_updates.WRONG:
        log = "version 3 in the registry's index is left out"
        yield Row(f"an entry of the index: {how}", "200, by the newest right one", log, UPDATED)


AGAIN = test_load_failures.AGAIN
CALLED = "the callee has run once at most; one metric `FailedCalls`"
UPDATED = "the next version that is right is taken up"


def render() -> str:
    """What follows BEGIN."""
    rows = list_rows()
    assert set(rows) <= set(AREAS), set(rows) - set(AREAS)
    lines = [line for area in AREAS for line in _describe(area, rows[area])]
    return "".join(f"{line}\n" for line in lines)


def _describe(area: str, proofs: list[Proof]) -> Iterator[str]:
    yield f"\n## {area[0].upper()}{area[1:]}\n"
    yield "| fault | the client sees | the log says | after it | test |"
    yield "| --- | --- | --- | --- | --- |"
    for row, test in proofs:
        fault, client, log, after = (text.replace("|", "\\|") for text in row)
        name = Path(test).stem
        yield f"| {fault} | {client} | `{log.strip()}` | {after} | [{name}](../{test}) |"


if __name__ == "__main__":
    head, begin, _ = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + begin + render())

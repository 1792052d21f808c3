"""docs/faults.md is what the tests prove."""

import importlib
import inspect

from tests.faults import page


def test_the_page_is_as_the_rows_say() -> None:
    """Else: `python -m tests.faults.page`."""
    _, begin, written = page.PAGE.read_text().partition(page.BEGIN)
    assert begin and written == page.render()


def test_there_are_rows_of_every_kind() -> None:
    rows = page.list_rows()
    assert all(rows[area] for area in page.AREAS)
    proofs = [row for area in page.AREAS for row, _ in rows[area]]
    assert len(proofs) >= 60
    assert len({row.fault for row in proofs}) == len(proofs)


def test_every_marked_test_checks_its_row() -> None:
    for name in page.MARKED:
        marked = [
            function
            for function in vars(importlib.import_module(name)).values()
            if any(mark.name == "fault" for mark in getattr(function, "pytestmark", ()))
        ]
        assert marked, name
        for function in marked:
            assert "fault" in inspect.signature(function).parameters, function

"""`python -m tests.contract.results_page` writes docs/results.md from the rows of the tests."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.contract.result_rows import GROUPS, Row

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
BEGIN = "<!-- From here on written by `python -m tests.contract.results_page`. -->\n"


def render() -> str:
    """What follows BEGIN."""
    return "".join(line + "\n" for line in _list_lines())


def _list_lines() -> Iterator[str]:
    for title, rows in GROUPS.items():
        yield f"\n## {title}\n"
        yield "| result | JSON | in ClearML Serving |"
        yield "| --- | --- | --- |"
        yield from map(_describe, rows)


def _describe(row: Row) -> str:
    code, plain = (text.replace("|", "\\|") for text in (row.code, _write(row)))
    return f"| `{code}` | `{plain}` | {row.reason or 'the same'} |"


def _write(row: Row) -> str:
    return json.dumps(row.json, ensure_ascii=False)


if __name__ == "__main__":
    head, begin, _ = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + begin + render())

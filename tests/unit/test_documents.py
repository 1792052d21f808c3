"""The documents: links lead somewhere, pages that code names exist, every error has its row, and
every command that they show exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from lambda_serving.errors import ServingError
from lambda_serving_cli.main import app
from tests.conftest import PROJECT

ROOMS = ("docs", "bench", "cli", "examples", "functions", "layers", "tests")
PAGES = sorted([*PROJECT.glob("*.md"), *(f for r in ROOMS for f in (PROJECT / r).rglob("*.md"))])
CODE = sorted(
    file
    for pattern in ("*.py", "*.in", "*.toml", "*.yaml", "Makefile")
    for file in [*PROJECT.glob(pattern), *(f for r in ROOMS for f in (PROJECT / r).rglob(pattern))]
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
SHOWN = re.compile(r"^\s*\$ (?:uv run )?lambda-serving ((?:.*\\\n)*.*)$", re.M)
MENTION = re.compile(r"docs/[\w/-]+\.md|\b\d{4}-[a-z-]+\.md")


def describe(file: Path) -> str:
    return str(file.relative_to(PROJECT))


def list_anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def list_errors(root: type[ServingError]) -> Iterator[str]:
    yield root.__name__
    for each in root.__subclasses__():
        yield from list_errors(each)


@pytest.mark.parametrize("page", PAGES, ids=describe)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in list_anchors(target), link


def test_pages_that_code_names_exist() -> None:
    missing = [
        f"{describe(file)}: {name}"
        for file in CODE
        for name in MENTION.findall(file.read_text())
        if not (PROJECT / (name if name[0] == "d" else f"docs/decisions/{name}")).exists()
    ]
    assert missing == []


def test_every_page_is_in_the_index() -> None:
    index = (PROJECT / "docs" / "README.md").read_text()
    pages = {page.name for page in (PROJECT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


@pytest.mark.parametrize("name", sorted(set(list_errors(ServingError))))
def test_every_error_has_a_row_in_the_troubleshooting(name: str) -> None:
    page = (PROJECT / "docs" / "troubleshooting.md").read_text()
    assert any(line.startswith("|") and f"`{name}`" in line for line in page.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=describe)
def test_commands_that_a_page_shows_exist(page: Path) -> None:
    for shown in SHOWN.findall(page.read_text()):
        words = shlex.split(shown, comments=True)
        command = get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        assert not hasattr(command, "commands"), shown
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known, shown

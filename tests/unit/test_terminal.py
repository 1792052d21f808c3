"""Text of others on a terminal: what it would obey is written out."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lambda_serving_cli.terminal import output
from lambda_serving_cli.terminal.controls import escape_controls, escape_line
from lambda_serving_cli.terminal.errors import CommandError, show_error
from lambda_serving_cli.terminal.progress import ByteProgress, show_status
from lambda_serving_cli.terminal.tables import write_table

FOREIGN = "a\x1b]0;owned\x07b\x9b31mc\r\u202edé"
SHOWN = r"a\x1b]0;owned\x07b\x9b31mc\r\u202edé"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell_of_bytes(text: str) -> None:
    with ByteProgress() as progress:
        progress.begin(text, 1)
        progress.tell(text)


def tell_status(text: str) -> None:
    with show_status("first", sys.stdout) as update:
        update(text)


WRITERS: dict[str, Callable[[str], Any]] = {
    "line": output.write_line,
    "prose": output.write_text,
    "remark": output.remark,
    "fields": lambda text: output.write_fields([(text, text)]),
    "table": lambda text: write_table((text, "head"), [[text, (text, text)]]),
    "failure": lambda text: show_error(CommandError(text, advice=text)),
    "console": lambda text: output.make_console(sys.stdout).print(text),
    "progress": tell_of_bytes,
    "status": tell_status,
}


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("writer", WRITERS)
def test_control_characters_are_written_out(
    writer: str, is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setenv("COLUMNS", "400")
    WRITERS[writer](FOREIGN)
    text = file.getvalue()
    assert SHOWN in text or writer == "status"  # which is gone at the end, and may never be drawn
    assert "\x1b]" not in text and not set("\x07\x9b\u202e") & set(text)


def test_json_stays_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json({FOREIGN: FOREIGN})
    text = capsys.readouterr().out
    assert json.loads(text) == {FOREIGN: FOREIGN}
    assert not set("\x1b\x07\x9b\u202e\r") & set(text) and "é" in text


def test_lines_stay_lines() -> None:
    assert escape_controls("a\n\tb\r\n") == "a\n\tb\\r\n"
    assert escape_line("a\n\tb") == "a\\n\\tb"

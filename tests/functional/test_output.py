"""What user code prints, and how it treats standard output, never costs a record or a log line."""

import json

import pytest

from tests.functional.pipelines import ProcessMaker, post

PRINTS = {
    "nothing": "pass",
    "a line": "print('whole')",
    "no line end": "print('.', end='')",
    "a progress bar": "sys.stderr.write('\\r 50 %')",
    "several texts": "sys.stdout.writelines(['a', 'é\\n', 'b'])",
    "past Python": "os.write(1, b'raw')",
    "in C": "libc.printf(b'in C'); libc.fflush(None)",
    "in a child": "subprocess.run(['printf', 'child'])",
    "to a file": "Path('/tmp/of-a-test').write_text('file'); os.unlink('/tmp/of-a-test')",
    "elsewhere": "sys.stdout = io.StringIO(); print('lost')",
    "in a block": "with contextlib.redirect_stdout(io.StringIO()): print('lost')",
    "not waiting": "os.set_blocking(1, False)",
    "closed": "sys.__stdout__.flush(); first.close(); sys.stdout = first",
}
"""In an order: what the last ones do stays so."""

CODE = """
import contextlib, ctypes, io, logging, os, subprocess, sys
from pathlib import Path

libc = ctypes.CDLL(None)
first = sys.stdout
logger = logging.getLogger("mine")

class Preprocess:
    def process(self, data, state, collect):
        exec(data["code"], globals())
        logger.warning("logged after %s", data["name"])
        exec(data["code"], globals())
        return data["name"]
"""


def test_each_line_is_readable_whatever_is_printed(start_process: ProcessMaker) -> None:
    process = start_process("prints", CODE)
    for name, code in PRINTS.items():
        answer = process.invoke({"name": name, "code": code})
        assert answer.json() == name
    failed = process.invoke({"name": "fails", "code": "print('x', end=''); 1 / 0"})
    assert failed.error_type == "ZeroDivisionError"
    gone = {"name": "gone", "code": "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)"}
    assert process.invoke(gone).json() == "gone"
    assert process.invoke({"name": "later", "code": "print('.', end='')"}).json() == "later"

    lines = process.read_log().splitlines()
    records = [json.loads(line) for line in lines if line.startswith('{"_aws"')]
    assert len(records) == len(PRINTS) + 3
    assert not [line for line in lines if line.find('{"_aws"') > 0 or line.find('{"level"') > 0]
    logged = {json.loads(line).get("message") for line in lines if line.startswith("{")}
    assert {f"logged after {name}" for name in (*PRINTS, "gone", "later")} <= logged
    # Whole lines bring no empty ones.
    assert lines.count("") <= 2 * len(PRINTS)
    start = next(at for at, line in enumerate(lines) if line == "whole")
    assert lines[start + 1].startswith("{")


HUGE = """
class Preprocess:
    def preprocess(self, body, state, collect):
        text = "x" * 4_000_000
        if body["how"] == "message":
            raise ValueError(text)
        if body["how"] == "lines":
            raise ValueError("x\\n" * 2_000_000)
        if body["how"] == "chain":
            try:
                raise KeyError(text)
            except KeyError as error:
                raise RuntimeError(text) from error
        if body["how"] == "name":
            raise type(text, (Exception,), {})("short")
        failure = Exception("has a status")
        failure.status_code, failure.detail = 418, {"why": text}
        if body["how"] == "text":
            failure.detail = text
        if body["how"] == "header":
            failure.detail, failure.headers = "short", {"x-why": text}
        raise failure
"""


@pytest.mark.parametrize("by", ["http", "invoke"])
def test_texts_of_errors_are_cut(start_process: ProcessMaker, by: str) -> None:
    process = start_process("huge", HUGE)
    for how in ("message", "lines", "chain", "name", "text", "detail", "header"):
        before = len(process.read_log())
        event = post("/serve/huge", how=how) if by == "http" else {"how": how}
        answer = process.invoke(event)
        assert len(answer.payload) < 40_000, how
        if how in ("message", "text", "header"):
            assert b"(4000000 characters in all)" in answer.payload, how
        assert len(process.read_log()) - before < 150_000, how
    for event in (
        post(f"/serve/huge/{'v' * 100_000}"),
        post(f"/serve/{'e' * 100_000}"),
        post(f"/{'p' * 100_000}"),
        post("/serve/huge", {"content-encoding": "z" * 100_000}),
    ):
        before = len(process.read_log())
        answer = process.invoke(event)
        assert answer.json()["statusCode"] in (404, 415)
        assert len(answer.payload) < 10_000
        assert len(process.read_log()) - before < 20_000
    told = [line for line in process.read_records() if "message" in line]
    assert any("in all" in line["message"] for line in told)

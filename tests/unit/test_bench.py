"""The benchmark's own parts: its S3, its report and its plot. Nothing is timed here."""

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from bench import cold_start, model_load
from bench.plot import draw
from bench.report import SHIPPED, ColdStarts, Report, list_targets, render
from bench.storage import Storage

BODY = bytes(range(256)) * 1000


@pytest.fixture
def url(tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a b").write_bytes(BODY)
    with Storage(tmp_path) as storage:
        yield f"{storage.endpoint}/models/a%20b"


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        (None, 200, BODY),
        ("bytes=10-19", 206, BODY[10:20]),
        ("bytes=255990-", 206, BODY[-10:]),
        ("bytes=-5", 206, BODY[-5:]),
    ],
)
def test_storage_answers_ranges(url: str, asked: str | None, status: int, expected: bytes) -> None:
    request = Request(url, headers={"Range": asked} if asked else {})
    with urlopen(request) as answer:
        assert (answer.status, answer.read()) == (status, expected)


def test_storage_knows_what_it_has_not(url: str) -> None:
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{url}c")


def make_cold(seconds: dict[str, float]) -> ColdStarts:
    return {
        name: (
            cold_start.Row(name, "floor, onnx", Path(), (), {}),
            [cold_start.Sample(total, dict.fromkeys(cold_start.STAGES, total / 7))],
        )
        for name, total in seconds.items()
    }


COLD = {"floor, onnx": 0.2, "ours, onnx, invoke": 0.3, "ours, onnx, HTTP": 0.2, SHIPPED: 2.0}


@pytest.mark.parametrize(("most", "is_met"), [("+37.7", True), ("+100.1", False)])
def test_what_statistics_add_has_a_target(most: str, is_met: bool) -> None:
    rows = ["| request | median µs | over off | ratio |", "| --- | ---: | ---: | ---: |"]
    rows += ["| invoke, off | 38.0 | +0.0 | 1.00 |", f"| http, on | 127.3 | {most} | 1.28 |"]
    [target] = list_targets(Report(1, statistics="\n".join(rows) + "\n"))
    assert target.is_met is is_met and "(http, on)" in target.measured


def test_targets_are_met_or_not() -> None:
    found = {target.text: target.is_met for target in list_targets(Report(1, make_cold(COLD)))}
    assert found == {
        "cold start, ours, onnx, HTTP: at most 1.15 x floor": True,
        "cold start, ours, onnx, invoke: at most 1.0 x floor": False,
        f"cold start, {SHIPPED}: at least 9 x ours by HTTP": True,
    }


def test_report_shows_what_is_not_met() -> None:
    loads = {
        (100, row): [model_load.Sample(seconds, 1.0, peak * 2**20, 0)]
        for row, seconds, peak in (("floor", 1.0, 400), ("ours", 1.2, 200))
    }
    text = render(Report(1, loads=loads))
    assert "| **not met** | loading 100 MB takes at most 1.1 x floor | 1.20 |" in text
    assert "| met | loading 100 MB holds at most 1.3 x it + 120 MB | 200 of 250 MB |" in text


def test_plot_is_svg() -> None:
    svg = ElementTree.fromstring(draw(make_cold(COLD)))
    bars = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 1 + 7 + 4 * 7


def test_stages_add_up(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.write_text("interpreter 10.1 10.1\nfetch 10.3 10.4\nuser_code 10.4 10.45\nfetch 11 12\n")
    stages = cold_start.split(marks, spawned=10.0, ready=10.5, answered=10.6)
    assert {name: round(value, 3) for name, value in stages.items()} == {
        "interpreter": 0.1, "runtime client": 0, "imports": 0.25, "fetch": 0.1,
        "session": 0, "user code": 0.05, "first request": 0.1,
    }  # fmt: skip

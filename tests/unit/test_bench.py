"""The benchmark's own parts: its S3, its report and its plot. Nothing is timed here."""

from pathlib import Path
from time import monotonic
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from bench import cold_start, hot_path, loop, model_load
from bench.__main__ import RESULTS, main
from bench.findings import ColdStarts, Findings, compare, show_spread
from bench.order import shuffle
from bench.plot import draw
from bench.report import render
from bench.storage import Storage
from bench.targets import FLOOR, PLAIN_FLOOR, SHIPPED, list_targets

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


def test_storage_holds_its_pace(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(1_000_000))
    with Storage(tmp_path, rate=4_000_000) as storage, urlopen(f"{storage.endpoint}/big") as answer:
        started = monotonic()
        answer.read()
        assert monotonic() - started > 0.1  # it sleeps, whatever else the machine does


def make_cold(seconds: dict[str, float]) -> ColdStarts:
    return {
        name: (
            cold_start.Row(name, FLOOR, Path(), (), {}),
            [cold_start.Sample(total, dict.fromkeys(cold_start.STAGES, total / 7))],
        )
        for name, total in seconds.items()
    }


COLD = {
    FLOOR: 0.2, PLAIN_FLOOR: 0.1, "ours, onnx, invoke": 0.3, "ours, onnx, HTTP": 0.2, SHIPPED: 2.0,
}  # fmt: skip


def make_rows(times: dict[str, float]) -> list[hot_path.Row]:
    return [hot_path.Row(name, Path(), (), "", times=[took]) for name, took in times.items()]


STATISTICS = {
    "invoke, off": 10, "invoke, on": 15, "invoke, Powertools": 60,
    "http, off": 100, "http, on": 110, "http, Powertools": 150,
}  # fmt: skip


@pytest.mark.parametrize(("most", "is_met"), [(129.9, True), (130.1, False)])
@pytest.mark.parametrize("speed", [1, 7])
def test_what_statistics_add_has_a_target(most: float, is_met: bool, speed: int) -> None:
    times = STATISTICS | {"http, on": most}
    rows = make_rows({name: took / speed for name, took in times.items()})
    [target] = list_targets(Findings(1, statistics=rows))
    assert target.is_met is is_met and "0.60 (http, on, " in target.measured


@pytest.mark.parametrize("speed", [1, 7])
@pytest.mark.parametrize(
    ("invoke", "http", "expected"), [(35.9, 43.9, [True, True]), (36.1, 44.1, [False, False])]
)
def test_requests_have_targets_of_the_same_run(
    speed: int, invoke: float, http: float, expected: list[bool]
) -> None:
    times = {"floor": 2.0, "ours, invoke": invoke, "ours, HTTP": http, "usual": 100.0}
    rows = make_rows({name: took / speed for name, took in times.items()})
    found = {target.text: target.is_met for target in list_targets(Findings(1, hot=rows))}
    limits = ("ours, invoke: at most 0.36", "ours, HTTP: at most 0.44")
    assert [found[f"hot path, {limit} x the usual handler"] for limit in limits] == expected


def test_a_busy_machine_changes_no_ratio() -> None:
    assert compare([1.0, 5.0, 1.0], [0.5, 2.5, 0.5]) == 2
    assert compare([2.0, 30.0, 3.0], [1.0, 1.0, 10.0, 10.0, 1.0, 2.0]) == 2  # two in each round
    [row] = make_rows({"busy at first": 9.0})
    row.times *= hot_path.REQUESTS
    row.times += [2.0, 3.0] * (hot_path.REQUESTS // 2)
    assert row.median == 2.5


def test_targets_are_met_or_not() -> None:
    found = {target.text: target for target in list_targets(Findings(1, make_cold(COLD)))}
    http, invoke, shipped = found.values()
    assert http.text == "cold start, ours, onnx, HTTP: at most 1.15 x floor"
    assert (http.is_met, http.measured) == (True, "1.00 (2.00 x that by plain http.client)")
    assert (invoke.is_met, shipped.is_met) == (False, True)
    assert shipped.measured == "10.0 (by invoke 6.7; until the first /next 10.0 x floor)"


def test_report_shows_what_is_not_met() -> None:
    load = model_load.Load(100, 90_000_000)
    loads = {
        (load, row): [model_load.Sample(seconds, 1.0, peak * 2**20, 0)]
        for row, seconds, peak in (
            ("floor", 1.0, 400), ("floor, plain http.client", 0.8, 400), ("ours", 1.2, 200),
        )
    }  # fmt: skip
    text = render(Findings(1, loads=loads))
    name = "loading 100 MB at 90 MB/s a connection"
    measured = "1.20 (1.50 x that by plain http.client)"
    assert f"| **not met** | {name} takes at most 1.1 x floor | {measured} |" in text
    assert f"| met | {name} holds at most 1.3 x it + 120 MB | 200 of 250 MB |" in text


def test_what_statistics_add_is_told_of_each_event_source() -> None:
    text = render(Findings(1, statistics=make_rows(STATISTICS)))
    assert "| invoke, on | 1 | 15.0 | 15.0 to 15.0 | 15.0 | 15.0 | +5.0 | 1.50 | 0.10 |" in text
    assert "| http, on | 1 | 110.0 | 110.0 to 110.0 | 110.0 | 110.0 | +10.0 | 1.10 | 0.20 |" in text


def test_spread_tells_how_much_there_is_to_it() -> None:
    assert show_spread([0.5, 0.1, 0.2, 0.4, 0.3], 0.001) == ["5", "100", "200 to 400", "300"]


def test_no_row_always_follows_the_same_one() -> None:
    rows = ["a", "b", "c", "d"]
    rounds = [shuffle(rows, number) for number in range(8)]
    assert all(sorted(found) == rows for found in rounds)
    assert {found[0] for found in rounds} == set(rows)
    followed = {found[found.index("a") - 1] for found in rounds if found[0] != "a"}
    assert followed == {"b", "c", "d"}


def test_compared_rows_change_places() -> None:
    names = [*cold_start.COMPARED, *"uvwxyz"]
    rows = [cold_start.Row(name, FLOOR, Path(), (), {}) for name in names]
    rounds = [[row.name for row in cold_start.order_round(rows, number)] for number in range(4)]
    for found in rounds:
        assert [found.count(name) for name in names] == [2, 2, 2, 2, 1, 1, 1, 1, 1, 1]
    assert len({found[0] for found in rounds}) > 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "colld", "--out", "x"], "no part is named 'colld'"),
        (["--only", "hot"], "--only needs an --out"),
        (["--rounds", "0"], "expected a number from 1 on, got '0'"),
    ],
)
def test_what_cannot_be_measured_is_told_at_once(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    report = RESULTS / "report.md"
    before = report.read_bytes()
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr().err
    assert (ended.value.code, told in output) == (2, True), output
    assert report.read_bytes() == before


def test_plot_is_svg() -> None:
    svg = ElementTree.fromstring(draw(make_cold(COLD)))
    bars = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 1 + 7 + len(COLD) * 7
    assert f"{COLD[SHIPPED] * 1000:.0f} ms" in {text.text for text in svg.iter()}


def test_stages_add_up(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.write_text("interpreter 10.1 10.1\nfetch 10.3 10.4\nuser_code 10.4 10.45\nfetch 11 12\n")
    stages = cold_start.split(marks, spawned=10.0, ready=10.5, answered=10.6)
    assert {name: round(value, 3) for name, value in stages.items()} == {
        "interpreter": 0.1, "runtime client": 0, "imports": 0.25, "fetch": 0.1,
        "session": 0, "user code": 0.05, "first request": 0.1,
    }  # fmt: skip


def test_the_daily_loop_is_told_as_a_ratio() -> None:
    before = loop.Times("a941339", {"edit to answer": 32.0, "down": 10.0})
    after = loop.Times("this tree", {"edit to answer": 4.0, "down": 2.0})
    edit, down = loop.describe([before, after])
    assert "32.0 s before (a941339), 4.0 s now, ratio 0.12 (target 8 s" in edit
    assert "ratio 0.20 (target 5 s" in down

"""The dev server from outside: the real command, its endpoints and what they call."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.models import make_adder
from tests.servers.dev_endpoints import write_others, write_packages, write_pipelines
from tests.servers.dev_server import DevServer, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """One server for all tests of this module."""
    folder = tmp_path_factory.mktemp("dev")
    models = folder / "models"
    models.mkdir()
    (models / "adder.onnx").write_bytes(make_adder())
    write_pipelines(folder / "functions")
    write_others(folder / "functions")
    write_packages(folder / "functions")
    with DevServer(folder / "functions", models, folder / "log") as server:
        yield server


def test_routes(server: DevServer) -> None:
    assert server.ask("adder", {"a": 1, "b": 2}) == {"sum": 3.0}
    assert server.ask("adder/", {"a": 1, "b": 2}) == {"sum": 3.0}
    assert server.ask("adder/2", {"a": 1, "b": 2}) == {"sum": 3.0}
    about = server.http.get("/serve/adder").json()
    assert list(about["versions"]) == ["1", "2"] and about["versions"]["1"]["inputs"]
    assert server.http.get("/serve/adder/health/ready").json() == {"status": "ready"}
    assert server.http.get("/serve/adder/health/live").json() == {"status": "live"}
    assert "openapi.json" in server.http.get("/serve/adder/docs").text
    assert "/serve/adder" in server.http.get("/serve/adder/openapi.json").text
    assert server.ask("package") == {"text": "hello you"}


def test_errors(server: DevServer) -> None:
    unknown = server.post("absent")
    assert unknown.status_code == 404 and "adder" in unknown.json()["detail"]
    assert server.post("adder/3").status_code == 404
    assert server.http.get("/somewhere").status_code == 404
    assert server.http.put("/serve/adder").status_code == 405
    assert server.http.delete("/").status_code == 405
    json = {"content-type": "application/json"}
    assert server.http.post("/serve/adder", content=b"{", headers=json).status_code == 400
    refused = server.http.post("/serve/adder", json=[1])
    assert (refused.status_code, refused.json()["type"]) == (422, "InputError")
    failed = server.post("failing")
    assert (failed.status_code, failed.json()["stage"]) == (500, "process")
    assert "sees in the log" not in failed.text


def test_the_log_shows_failures_of_user_code_and_nothing_around_it(server: DevServer) -> None:
    request_id = server.post("failing").headers["x-request-id"]
    part = server.log.rpartition("LookupError 500 in")[2]
    assert request_id in part
    shown = re.findall(r'File "(.+?)"', part.partition("POST")[0])
    assert len(shown) == 1 and shown[0].endswith("/functions/failing/preprocess.py")


def test_every_request_has_an_id(server: DevServer) -> None:
    first, second = (server.post("double", {"x": 1}).headers["x-request-id"] for _ in range(2))
    assert len(first) > 20 and first != second
    own = {"x-request-id": "mine-7"}
    assert server.post("double", {"x": 1}, headers=own).headers["x-request-id"] == "mine-7"
    assert "POST /serve/double -> 200 in" in server.log and "(request mine-7)" in server.log


def test_the_id_travels_through_calls(server: DevServer) -> None:
    body = {"path": ["hop_async", "failing"]}
    answer = server.post("hop", body, headers={"x-request-id": "mine-8"})
    assert answer.json() == {"path": ["hop", "hop_async", "nobody"]}
    lines = [line for line in server.log.splitlines() if "(request mine-8)" in line]
    assert ["LookupError" in line for line in lines] == [True, True, False]
    assert "statistics: hop_async: FailedCalls 1 (callee failing, cause FunctionError)" in (
        server.log
    )


def test_statistics_are_lines_to_read(server: DevServer) -> None:
    server.ask("measured", {"length": [5.1, 4]})
    assert re.search(
        r"statistics: measured/1: \d+\.\d ms \(process \d+\.\d\), (model load \d+ ms, )?"
        r'length=\[5.1, 4\], species=setosa, note="as it is", seen=\[1, 2\]\n',
        server.log,
    )
    server.post("measured", {"length": "long"}, headers={"content-encoding": "abacus"})
    server.post("measured/7")
    server.post("failing")
    for line in (
        r"measured/-: \d+\.\d ms, UnsupportedEncodingError\n",
        r"measured/-: \d+\.\d ms, UnknownVersionError\n",
        r"failing/1: \d+\.\d ms \(process \d+\.\d\), LookupError \(a fault\)",
    ):
        assert re.search(f"statistics: {line}", server.log), line
    assert '"_aws"' not in server.log


@pytest.mark.parametrize(
    "path",
    [
        ["hop"] * 6,
        ["hop_async"] * 6,
        ["hop_mixed"] * 6,
        ["hop", "hop_async", "hop_mixed", "hop_async", "hop", "hop_mixed"],
        ["hop_mixed", "hop_async", "hop_mixed", "hop", "hop_async", "hop_mixed"],
    ],
    ids=lambda path: "-".join(path),
)
def test_pipelines_five_deep(server: DevServer, path: list[str]) -> None:
    started = time.monotonic()
    assert server.ask(path[0], {"path": path[1:]}) == {"path": path}
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["hop", "hop_async", "hop_mixed"])
def test_a_pipeline_that_calls_itself_stops(server: DevServer, name: str) -> None:
    reached = server.ask(name, {"path": [name] * 50})["path"]
    assert reached == [name] * 11 + ["nobody"]  # the request from outside, and ten calls
    failure = f"send_request to {name} failed: DepthLimit: 10 endpoints called each other"
    assert failure in server.log


@pytest.mark.parametrize(
    ("name", "factor"), [("fan", 4), ("fan_threads", 8), ("double_async", None)]
)
def test_200_requests_at_once(server: DevServer, name: str, factor: int | None) -> None:
    def ask(x: int) -> object:
        return server.ask(name, {"x": x})

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(ask, range(200)))
    key = "y" if factor is None else "sum"
    assert answers == [{key: (factor or 2) * x} for x in range(200)]


def test_concurrent_pipelines_of_all_kinds(server: DevServer) -> None:
    names = ["hop", "hop_async", "hop_mixed", "hop"]
    with ThreadPoolExecutor(40) as pool:
        body = {"path": names}
        answers = list(pool.map(lambda _: server.ask("hop_async", body), range(40)))
    assert answers == [{"path": ["hop_async", *names]}] * 40


def test_endpoints_that_block_their_loops_for_each_other(server: DevServer) -> None:
    others = {"cross_a": "cross_b", "cross_b": "cross_a"}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: server.ask(name, {"other": others[name]}), others))
    assert answers == [{"answer": {"leaf": other}} for other in others.values()]


def test_120_requests_that_block_their_loops(server: DevServer) -> None:
    with ThreadPoolExecutor(120) as pool:
        body = {"other": "slow"}
        answers = list(pool.map(lambda _: server.ask("cross_a", body), range(120)))
    assert answers == [{"answer": {"y": 2}}] * 120


def test_requests_one_after_the_other_keep_their_loop(server: DevServer) -> None:
    assert len({server.ask("same_loop")["loop"] for _ in range(5)}) == 1


def test_a_callee_that_calls_does_not_name_is_told_once(server: DevServer) -> None:
    for name, other in (("cross_a", "cross_b"), ("cross_b", "cross_a")) * 2:
        server.ask(name, {"other": other})
    told = "{} calls {}, which `calls` in its endpoint.toml does not name: AccessDenied on AWS"
    assert server.log.count(told.format("cross_a", "cross_b")) == 1
    assert server.log.count(told.format("cross_b", "cross_a")) == 0
    assert "canary calls" not in server.log


def test_modules_of_one_name_do_not_mix(server: DevServer) -> None:
    """Version 2 of each is loaded at its first request, while the others serve."""
    marks = ["a", "b", "c", "d"] * 50
    paths = [f"isolated_{mark}{'/2' * (i % 8 > 3)}" for i, mark in enumerate(marks)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(server.ask, paths))
    assert [answer["marks"] for answer in answers] == [[mark] * 4 for mark in marks]


def test_load_may_call_others_but_not_itself(server: DevServer) -> None:
    assert server.ask("load_calls") == {"found": [{"y": 8}, None]}
    assert "load_calls is being loaded, and its load calls load_calls" in server.log


def test_responses_go_out_as_they_are(server: DevServer) -> None:
    answer = server.post("stream", {"status": 418})
    assert (answer.status_code, answer.json()) == (418, {"tea": "pot"})
    assert answer.headers["x-kind"] == "teapot"


@pytest.mark.parametrize("name", ["stream", "stream_sync"])
def test_streams_go_out_whole(server: DevServer, name: str) -> None:
    """As Lambda sends them."""
    answer = server.post(name)
    assert (answer.status_code, answer.text) == (200, "0\n2\n4\n")
    assert answer.headers["content-type"].startswith("text/plain")


def test_canary(server: DevServer) -> None:
    answers = [server.post("canary", {"x": 2}) for _ in range(40)]
    assert {answer.text for answer in answers} == {'{"y":4}'}
    targets = Counter(answer.headers["x-serving-target"] for answer in answers)
    assert set(targets) == {"double", "double_async"}
    newest = server.post("canary_prefix", {"a": 1, "b": 2})
    assert (newest.json(), newest.headers["x-serving-target"]) == ({"sum": 3.0}, "adder/2")


def test_the_list_tells_what_is_served_and_why_not(server: DevServer) -> None:
    listed = server.list()
    assert "notes" not in listed
    assert listed["adder"] == {
        "url": "/serve/adder", "docs": "/serve/adder/docs", "state": "ready"
    }  # fmt: skip
    broken = {name: each["state"] for name, each in listed.items() if each["state"] != "ready"}
    assert all(name.startswith("broken_") for name in broken)
    assert "preprocess.py, line 1: SyntaxError" in broken["broken_code"]
    assert "the model is not there" in broken["broken_model"]
    assert "abacus" in broken["broken_toml"]
    assert "expected 'broken_name', as the folder is named, got 'another'" in broken["broken_name"]
    assert "there is none" in broken["broken_no_toml"]
    assert "no module 'numpy': attach the layer 'engine_onnx'" in broken["broken_library"]
    assert "its requirements cannot be met" in broken["broken_requirements"]
    assert len(broken) == 7


def test_a_broken_endpoint_says_so_and_stops_no_other(server: DevServer) -> None:
    log = server.log_at_start
    for name in ("code", "model", "toml", "name", "no_toml", "library", "requirements"):
        answer = server.post(f"broken_{name}")
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert f"broken_{name} is not ready: " in log
    assert "/serve/adder\n" in log and "adder is ready (" in log
    # Only where code of the user's failed is there more to read than the one line.
    shown = re.findall(r'File "(.+/functions/.+?)"', log)
    assert {Path(file).parent.name for file in shown} == {"broken_code", "broken_library"}
    assert "class Preprocess(:" in log and log.count("Traceback") == 1  # of the import


def test_an_endpoint_has_its_own_packages(server: DevServer) -> None:
    """In a process of its own, whose end is the end of no other."""
    own = server.ask("own")
    assert own["package"] == "a package"
    assert server.ask("own", {"call": "double", "data": {"x": 4}}) == {"answer": {"y": 8}}
    crashed = server.post("own", {"crash": 1})
    assert (crashed.status_code, crashed.json()["type"]) == (500, "InternalError")
    assert crashed.json()["detail"] == "own: its process ended before it answered"
    wait_for(lambda: "the process of own ended with the exit code 3" in server.log, "the log")
    assert server.ask("double", {"x": 1}) == {"y": 2}
    again = server.ask("own")
    assert again["package"] == "a package" and again["process"] != own["process"]


def test_nothing_of_a_client_moves_the_terminal(server: DevServer) -> None:
    path = "/serve/%1b]0;owned%07%0a12:00:00%20INFO%20all%20is%20well"
    answer = server.http.get(path, headers={b"x-request-id": b"\x1b[2J"})
    assert answer.status_code == 404
    line = r"GET /serve/\x1b]0;owned\x07\n12:00:00 INFO all is well -> 404"
    wait_for(lambda: line in server.log, "the line of the request")
    assert "\x1b" not in server.log and "\x07" not in server.log


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.com"}, 403),
        ({"Origin": "https://evil.com", "Content-Type": "text/plain"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
    ],
)
def test_it_answers_this_machine_and_its_own_pages(
    server: DevServer, headers: dict[str, str], status: int
) -> None:
    json = {"content-type": "application/json"}
    answer = server.http.post("/serve/adder", content=b'{"a": 1, "b": 2}', headers=json | headers)
    assert answer.status_code == status

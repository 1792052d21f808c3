"""`lambda-serving logs` as a user types it, on a loopback server in the place of AWS."""

import json
import re
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.functional.aws_commands import make_environment, run, write_state
from tests.functional.pipelines import ProcessMaker, post, serve_lambda
from tests.servers.cloudwatch import CloudWatch
from tests.servers.dev_server import COMMAND, wait_for

FIRST = """
import logging

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        logging.getLogger(__name__).info("calling", extra={"customer": 7})
        print("printed")
        return {"answer": self.send_request("second", data=data)}
"""
SECOND = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        return look(data)

def look(data):
    return data["none"]
"""
CALLS = 'engine = "custom"\ncalls = ["second"]\n'
NOW = int(time.time() * 1000) - 60_000
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"


def tell_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def read(folder: Path, url: str, *options: str) -> list[str]:
    """The lines that the command prints, without their times."""
    done = run(folder, url, "logs", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [re.sub(f"^{TIME} ", "", line) for line in done.stdout.splitlines()]


def fail(folder: Path, url: str, *options: str, code: int = 1, **more: str) -> str:
    """What the command says that it cannot do."""
    done = run(folder, url, "logs", *options, **more)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def tell(kind: str, time: int = NOW, **record: Any) -> str:
    """A line of Lambda itself."""
    return json.dumps({"time": tell_time(time), "type": f"platform.{kind}", "record": record})


def report(request_id: str, status: str = "success", error: str = "", **metrics: float) -> str:
    more = {"errorType": error} if error else {}
    told = {"durationMs": 12.5, "memorySizeMB": 1769, "maxMemoryUsedMB": 230} | metrics
    return tell("report", requestId=request_id, status=status, metrics=told, **more)


def test_one_request_through_a_pipeline(start_process: ProcessMaker, tmp_path: Path) -> None:
    """Of real functions: each line once, and the traceback from the user's code on."""
    second = start_process("second", SECOND)
    with serve_lambda(second=lambda payload: second.invoke(payload).json()) as service:
        first = start_process("first", FIRST, CALLS, **service.environment)
        event = post("/serve/first", number=1)
        first.invoke(event)
    second.invoke({"serving": {"protocol": 1, "request_id": "another"}, "body": []})
    request = event["requestContext"]["requestId"]
    with CloudWatch() as logs:
        for name, process in (("first", first), ("second", second)):
            logs.add(name, *process.read_log().splitlines())
        told = read(tmp_path, logs.url, "--request", request)
        everything = read(tmp_path, logs.url)
        failures = read(tmp_path, logs.url, "second", "--errors")
        raw = run(tmp_path, logs.url, "logs", "--request", request, "--json")
        absent = fail(tmp_path, logs.url, "--request", "no-such-request")
    shown = [re.sub(r"[\d.,]+ ms", "N ms", re.sub(r'".*/', '"', line)) for line in told]
    assert shown == [
        "first  INFO    calling customer=7",
        "second cold    version 1 loaded in N ms",
        f"second request 500 KeyError in N ms, version 1, cold, request {request}",
        "second ERROR   KeyError 500 in process: KeyError in process; the body has no key 'none'"
        " ['none']",
        "    Traceback (most recent call last):",
        '      File "preprocess.py", line 4, in process',
        "        return look(data)",
        '      File "preprocess.py", line 7, in look',
        '        return data["none"]',
        "               ~~~~^^^^^^^^",
        "    KeyError: 'none'",
        "first  cold    version 1 loaded in N ms",
        f"first  request ok in N ms, version 1, cold, request {request}",
    ]
    assert "first  print   printed" in everything and set(told) < set(everything)
    assert [line for line in failures if not line.startswith("    ")] == [
        *(
            line.removeprefix("second ")
            for line in told
            if line.startswith(("second r", "second E"))
        ),
        *(each.removeprefix("second ") for each in everything if "InputError" in each),
    ]
    objects = [json.loads(line) for line in raw.stdout.splitlines()]
    assert [each["endpoint"] for each in objects].count("second") == 3  # the client's line, too
    assert all(each["message"]["request_id"] == request for each in objects if "level" in each)
    assert "names the request no-such-request" in absent and "--since" in absent


PRINTED = (
    "INIT_START Runtime Version: python:3.13.v1",
    "START RequestId: a Version: 7",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in b',
    "KeyError: 1",
    "and on it goes \x1b]0;title\x07",
    '{"own": "json"}',
    '[ERROR] KeyError: {"detail": "", "type": "", "stage": "", "request_id": ""}\rTraceback',
    "Timeout (0:00:29)!",
    "Thread 0x00007f (most recent call first):",
    '  File "x.py", line 2 in y',
    "END RequestId: a",
    "REPORT RequestId: a\tDuration: 29000.00 ms\tBilled Duration: 29000 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 200 MB\tInit Duration: 812.34 ms\tStatus: timeout",
)


@pytest.mark.parametrize(
    ("lines", "shown", "failures"),
    [
        (
            [
                tell(
                    "initStart", initializationType="on-demand", functionVersion="7", phase="init"
                ),
                tell("start", requestId="a", version="7"),
                report("a", initDurationMs=812.34),
                tell("start", requestId="b", version="7"),
                report("b"),
            ],
            [
                "cold    an environment starts: on-demand, version 7 of the function",
                "cold    INIT took 812 ms, 230 of 1,769 MB used",
                "request ok in 12.5 ms, not recorded, cold, Lambda request a",
                "request ok in 12.5 ms, not recorded, warm, Lambda request b",
            ],
            [],
        ),
        (
            [report("a", "error", "Runtime.OutOfMemory"), report("b", "timeout", durationMs=29000)],
            [
                "ERROR   ran out of memory after 12.5 ms, 230 of 1,769 MB used, Lambda request a",
                "ERROR   timed out after 29,000 ms, 230 of 1,769 MB used, Lambda request b",
            ],
            [0, 1],
        ),
        (
            [report("a", "error", "Runtime.ExitError"), report("b", "failure")],
            [
                "ERROR   crashed (Runtime.ExitError) after 12.5 ms, 230 of 1,769 MB used,"
                " Lambda request a",
                "request failed in 12.5 ms, not recorded, warm, Lambda request b",
            ],
            [0, 1],
        ),
        (
            [
                tell("initReport", status="error", errorType="Runtime.ImportModuleError"),
                tell("restoreReport", status="success", metrics={"durationMs": 140.0}),
                tell("logsDropped", reason="too much"),
            ],
            [
                "ERROR   INIT ended with error (Runtime.ImportModuleError)",
                "cold    restored from a snapshot after 140 ms",
                "WARNING lines are missing here: too much",
            ],
            [0],
        ),
        (
            PRINTED,
            [
                "cold    an environment starts",
                "ERROR   Traceback (most recent call last):",
                '      File "a.py", line 1, in b',
                "    KeyError: 1",
                r"print   and on it goes \x1b]0;title\x07",
                'print   {"own": "json"}',
                "ERROR   Timeout (0:00:29)!",
                "    Thread 0x00007f (most recent call first):",
                '      File "x.py", line 2 in y',
                "cold    INIT took 812 ms, 200 of 512 MB used",
                "ERROR   timed out after 29,000 ms, 200 of 512 MB used, Lambda request a",
            ],
            [1, 2, 3, 6, 7, 8, 10],
        ),
        (
            [
                f'{{"_aws": {{"Timestamp": {time}, "CloudWatchMetrics": []}}, "request_id": "r",'
                f' "Version": "1", "Latency": {figure}}}'
                for time, figure in (("1e999", "NaN"), ("1" * 400, "1" * 400), ("true", '"a"'))
            ]
            + [
                '{"level": 7, "message": ["a"], "timestamp": "9999-01-01T00:00:00.0"}',
                '{"type": 1}',
            ]
            + ['{"type": "platform.report", "record": {"metrics": {"durationMs": "x"}}}'],
            [
                *["request ok, version 1, warm, request r"] * 3,
                'print   ["a"]',
                'print   {"type": 1}',
            ],
            [],
        ),
    ],
    ids=["cold", "memory", "crash", "platform", "text", "odd"],
)
@pytest.mark.parametrize("is_local", [False, True])
def test_what_lambda_writes(
    tmp_path: Path, lines: list[str], shown: list[str], failures: list[int], is_local: bool
) -> None:
    (tmp_path / "template.yaml").touch()
    with CloudWatch(has_tokens=not is_local) as logs:
        if is_local:
            write_state(tmp_path, logs.url)
        logs.add("iris", *lines, timestamp=NOW)
        assert read(tmp_path, logs.url, "iris") == shown
        expected = [shown[number] for number in failures]
        done = run(tmp_path, logs.url, "logs", "iris", "--errors")
        assert [re.sub(f"^{TIME} ", "", line) for line in done.stdout.splitlines()] == expected
        assert ("There is no failures" in done.stderr) == (not failures)
        raw = run(tmp_path, logs.url, "logs", "iris", "--json").stdout.splitlines()
    messages = [json.loads(line)["message"] for line in raw]
    expected = [json.loads(line) if line.startswith("{") else line for line in lines]
    assert repr(messages) == repr(expected)  # NaN is not NaN


def make_line(message: str, time: int, **more: Any) -> str:
    told = {"level": "INFO", "message": message, "timestamp": tell_time(time), "request_id": "r"}
    return json.dumps(told | more)


def test_lines_are_in_the_order_of_their_own_times(tmp_path: Path) -> None:
    """The local cloud gives those of an invocation the time at which it ended."""
    (tmp_path / "template.yaml").touch()
    with CloudWatch(has_tokens=False) as logs:
        write_state(tmp_path, logs.url)
        caller = [
            "START RequestId: 1",
            "early",
            make_line("calls", NOW),
            make_line("ends", NOW + 30),
        ]
        logs.add("a", *caller, "REPORT RequestId: 1\t", timestamp=NOW + 31, stream="1")
        logs.add("b", make_line("is called", NOW + 10), timestamp=NOW + 20, stream="2")
        logs.add("a", make_line("later", NOW + 40), timestamp=NOW + 40, stream="3")
        told = read(tmp_path, logs.url)
    assert [line.split(maxsplit=2)[2] for line in told if "request" not in line] == [
        "early", "calls", "is called", "ends", "later",
    ]  # fmt: skip


def test_lines_of_lambda_itself_belong_to_a_request(tmp_path: Path) -> None:
    """They have Lambda's own id alone, which the endpoint's lines have beside the request's."""
    with CloudWatch() as logs:
        logs.page = 2
        line = make_line("here", NOW, request_id="abc-DEF=", function_request_id="own-id")
        logs.add("a", *[make_line("of others", NOW)] * 5, timestamp=NOW)
        logs.add("a", line, timestamp=NOW - 20_000)
        last = make_line("still here", NOW, request_id="abc-DEF=", function_request_id="own-id")
        logs.add("a", last, report("own-id", "timeout"), report("of-others"), timestamp=NOW)
        logs.add("b", make_line("of others", NOW), timestamp=NOW)
        told = read(tmp_path, logs.url, "--request", "abc-DEF=")
        assert [line[:11] for line in told] == [*["a   INFO   "] * 2, "a   ERROR  "]
        of_a = [call for call in logs.calls if call["logGroupName"].endswith("-a")]
        patterns = dict.fromkeys(call["filterPattern"] for call in of_a)
        assert list(patterns) == ['"abc-DEF="', '"own-id"']
        odd = 'a "quoted" id'
        logs.add("b", make_line("odd", NOW, request_id=odd), timestamp=NOW)
        assert read(tmp_path, logs.url, "b", "--request", odd) == ["INFO    odd"]


@pytest.mark.parametrize("has_tokens", [True, False], ids=["aws", "local"])
def test_following(tmp_path: Path, has_tokens: bool) -> None:
    """Each line once, late ones too, with one call a second and log group; Ctrl-C is the end."""
    (tmp_path / "template.yaml").touch()
    with CloudWatch(has_tokens=has_tokens) as logs:
        if not has_tokens:
            write_state(tmp_path, logs.url)
        logs.add("iris", *[make_line("one", NOW)] * 2)
        process = subprocess.Popen(
            [COMMAND[0], "logs", "iris", "--follow"], cwd=tmp_path, text=True,
            env=make_environment(tmp_path, logs.url), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(lambda: len(logs.calls) > 1, "the command to follow")
        now = int(time.time() * 1000)
        logs.add("iris", make_line("late", NOW), timestamp=now - 5000, stream="2")
        logs.add("iris", make_line("two", NOW), timestamp=now + 100, stream="3")
        first, began = len(logs.calls), time.monotonic()
        wait_for(lambda: len(logs.calls) > first + 2, "the command to ask again")
        assert len(logs.calls) - first <= time.monotonic() - began + 2
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    words = [line.split()[-1] for line in output.splitlines()]
    assert (process.returncode, errors) == (0, "") and words == ["one", "one", "late", "two"]


def test_what_cannot_be_found_is_told(tmp_path: Path) -> None:
    with CloudWatch() as logs:
        logs.add("iris", "a line", timestamp=NOW - 3_600_000)
        assert "no endpoint 'iriss'" in fail(tmp_path, logs.url, "iriss")
        assert "there is no stack nope" in fail(tmp_path, logs.url, "--stack", "nope")
        assert "'soon' is no time" in fail(tmp_path, logs.url, "--since", "soon")
        assert "expected the id" in fail(tmp_path, logs.url, "--request", " ", code=2)
        none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        assert "no AWS credentials" in fail(tmp_path, logs.url, **none)
        nothing = run(tmp_path, logs.url, "logs")  # not every endpoint has a log group yet
        assert nothing.returncode == 0 and "There is nothing since" in nothing.stderr
        assert read(tmp_path, logs.url, "--since", "2h") == ["iris print   a line"]
    with CloudWatch(error=("AccessDeniedException", "no, because")) as logs:
        assert "AccessDeniedException: no, because" in fail(tmp_path, logs.url, "iris")

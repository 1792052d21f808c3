"""`lambda-serving logs` as a user types it, on a loopback server in the place of AWS."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lambda_serving_cli.aws.logs import StackLogs
from lambda_serving_cli.aws.stack import Stack
from lambda_serving_cli.logs.tail import Filter, Source, follow, read_history
from tests.functional.aws_commands import make_environment, run, write_state
from tests.functional.lambda_lines import NOW, make_line, read, report
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


def fail(folder: Path, url: str, *options: str, code: int = 1, **more: str) -> str:
    """What the command says that it cannot do."""
    done = run(folder, url, "logs", *options, **more)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


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
        longer = make_line("of others", NOW, request_id="abc-DEF==")
        logs.add("b", make_line("of others", NOW), longer, timestamp=NOW)
        told = read(tmp_path, logs.url, "--request", "abc-DEF=")
        assert [line[:11] for line in told] == [*["a   INFO   "] * 2, "a   ERROR  "]
        of_a = [call for call in logs.calls if call["logGroupName"].endswith("-a")]
        patterns = dict.fromkeys(call["filterPattern"] for call in of_a)
        assert list(patterns) == ['"abc-DEF="', '"own-id"']
        odd = 'a "quoted" id'
        logs.add("b", make_line("odd", NOW, request_id=odd), timestamp=NOW)
        assert read(tmp_path, logs.url, "b", "--request", odd) == ["INFO    odd"]


def test_following(tmp_path: Path) -> None:
    """Each line once, late ones too, with one call a second and log group; Ctrl-C is the end."""
    with CloudWatch() as logs:
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
        wait_for(lambda: len(logs.calls) > first + 1, "the command to ask again")
        assert len(logs.calls) - first <= time.monotonic() - began + 2
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    words = [line.split()[-1] for line in output.splitlines()]
    assert (process.returncode, errors) == (0, "") and words == ["one", "one", "late", "two"]


def test_following_the_local_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events have no ids, and of a full page it tells no end."""
    monkeypatch.setattr("lambda_serving_cli.aws.logs.MOST_EVENTS", 3)
    with CloudWatch(has_tokens=False) as server:
        server.page = 3
        stack = Stack(
            stack_name=server.stack, region="eu-west-1", local=True, endpoint_url=server.url
        )
        now = int(time.time() * 1000)

        def add(later: int, *texts: str) -> None:
            for number, text in enumerate(texts):
                server.add("iris", make_line(text, now), timestamp=now + later + number // 2)

        add(0, "a", "b", "c", "d")
        source = Source(StackLogs(stack), "iris", NOW, Filter(), is_optional=False)
        shown = [entry.line.text for entry in read_history([source], now + 1000)]
        pauses = []

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 1:
                add(9, "e", "f", "g")
            if len(pauses) == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            for entry in follow([source], sleep):
                shown.append(entry.line.text)
    assert sorted(shown) == list("abcdefg") and all(pause <= 1 for pause in pauses)


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

"""`lambda-serving logs` of what Lambda itself writes, and of text that is printed."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.functional.aws_commands import run, write_state
from tests.functional.lambda_lines import NOW, TIME, read, report, tell
from tests.servers.cloudwatch import CloudWatch

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
    "Traceback (most recent call last):",
    '  File "_worker.py", line 1, in run',
    'KeyError: {"detail": "", "type": "", "stage": "", "request_id": ""}',
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
    tmp_path: Path, lines: Sequence[str], shown: list[str], failures: list[int], is_local: bool
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
        assert ("There are no failures" in done.stderr) == (not failures)
        raw = run(tmp_path, logs.url, "logs", "iris", "--json").stdout.splitlines()
    messages = [json.loads(line)["message"] for line in raw]
    expected = [json.loads(line) if line.startswith("{") else line for line in lines]
    assert repr(messages) == repr(expected)  # NaN is not NaN

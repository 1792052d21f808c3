"""`lambda-serving cost ENDPOINT` as a user types it: the load is what the endpoint's log tells."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional.aws_commands import run, write_state
from tests.servers.cloudwatch import CloudWatch
from tests.unit.stats_log import Log, serve

REQUESTS = 36
"""Of an hour; a month has 730."""


def fill(logs: CloudWatch) -> None:
    """Requests of the last hour, the first of them cold, with reports of Lambda; older ones."""
    log = Log()
    statistics = log.open("iris")
    for number in range(REQUESTS):
        serve(statistics, {"x": 1.0}, number=number)
    logs.add("iris", *(event.message for event in log.events))
    logs.add("iris", *(event.message for event in log.events), timestamp=now(-7200))
    for duration, more in ((10.0, {"initDurationMs": 1200.0}), (30.0, {"maxMemoryUsedMB": 600})):
        metrics = {"durationMs": duration, "memorySizeMB": 1769, "maxMemoryUsedMB": 400} | more
        record = {"requestId": "r", "status": "success", "metrics": metrics}
        logs.add("iris", json.dumps({"type": "platform.report", "record": record}))
    logs.add("idle", "a line that is no record")


def now(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


def read(folder: Path, url: str, *options: str) -> dict[str, Any]:
    done = run(folder, url, "cost", "iris", "--since", "1h", "--json", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_load_is_measured(tmp_path: Path) -> None:
    with CloudWatch() as logs:
        fill(logs)
        told = read(tmp_path, logs.url)
        assert told["measured"]["requests"] == REQUESTS
        load = told["load"]
        assert load["requests"] == pytest.approx(REQUESTS * 730, rel=0.001)
        assert (load["memory_mb"], load["duration_ms"], load["cold_ms"]) == (1769, 20.0, 1200.0)
        assert load["cold_share"] == pytest.approx(1 / REQUESTS)
        sizes = {size["memory_mb"]: size for size in told["sizes"]}
        assert list(sizes) == [512, 1024, 1769, 3538, 5307, 7076, 8845, 10240]
        assert sizes[512]["duration_ms"] == pytest.approx(20 * 1769 / 512)
        assert sizes[3538]["duration_ms"] == 20.0  # one thread gets no faster
        assert [sizes[size]["note"] for size in (512, 1024, 1769)] == [
            "too little memory",
            "",
            "now",
        ]
        ours = "--requests", "1000000", "--duration-ms", "5", "--memory", "2000", "--cold-ms", "0"
        given = read(tmp_path, logs.url, *ours, "--memory-used", "3000")
        load = given["load"]
        assert (load["requests"], load["duration_ms"]) == (1_000_000, 5.0)
        assert (load["memory_mb"], load["cold_ms"]) == (2000, 0)
        by_size = {size["memory_mb"]: size["note"] for size in given["sizes"]}
        assert (by_size[2000], by_size[3538]) == ("too little memory", "")
        text = run(tmp_path, logs.url, "cost", "iris", "--since", "1h").stdout
    assert "36 requests, 20 ms each" in text and "600 MB at least" in text
    assert re.search(r"^1,769 +now +1.00 +20.0 +\d", text, re.MULTILINE)
    assert "keep one vCPU busy" in text and "List prices of us-east-1" in text


def test_of_the_local_cloud(tmp_path: Path) -> None:
    """Its durations and memory are not the function's."""
    (tmp_path / "template.yaml").touch()
    with CloudWatch(has_tokens=False) as logs:
        write_state(tmp_path, logs.url)
        fill(logs)
        memory = "Memory Size: 1024 MB\tMax Memory Used: 3000 MB"
        logs.add("iris", f"REPORT RequestId: 1\tDuration: 900 ms\t{memory}")
        told = read(tmp_path, "")
    assert told["measured"]["duration_ms"] < 100 and told["load"]["memory_mb"] == 1024
    assert told["measured"]["used_mb"] is None and told["load"]["cold_ms"] == 900.0


def test_what_cannot_be_measured_is_told(tmp_path: Path) -> None:
    with CloudWatch() as logs:
        fill(logs)
        for arguments, reason in (
            (["idle"], "no request to idle was recorded since"),
            (["nobody"], "has no endpoint 'nobody'"),
            (["iris", "--state", "nix"], "no local cloud is up"),
        ):
            done = run(tmp_path, logs.url, "cost", *arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert reason in done.stderr and "give the figures as options" in done.stderr

"""`lambda-serving endpoints` as a user types it: what is wrong with each, in one column."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functional.aws_commands import run
from tests.servers.account import Account

METADATA = {
    "default": "1",
    "versions": {"1": {"engine": "onnx", "loaded": True}, "2": {"engine": "onnx"}},
    "traffic": {"1": 0.5, "2": 0.5},
}


def refuse(name: str, status: int = 503, stage: str = "load") -> tuple[int, Any]:
    return status, {"detail": "because", "type": name, "stage": stage, "request_id": "r"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").touch()
    folder = tmp_path / "functions" / "parted"
    folder.mkdir(parents=True)
    (folder / "endpoint.toml").write_text(
        'endpoint = "parted"\nengine = "onnx"\nmodel = "parted/1/m.onnx"\n'
        '[version.2]\nmodel = "parted/2/m.onnx"\n'
    )
    return tmp_path


def test_trouble_is_in_one_column(project: Path) -> None:
    with Account() as account:
        account.answers = {
            "fine": (200, METADATA),
            "parted": (200, METADATA),
            "out": (200, METADATA | {"taken_out": {"2": "most of its requests fail"}}),
            "broken": (200, METADATA | {"broken": {"2": "SettingsError: wrong"}}),
            "empty": (200, METADATA),
            "empty/health/ready": refuse("ModelFetchError"),
            "wrong": (200, METADATA),
            "wrong/health/ready": refuse("SettingsError"),
            "silent": (502, {"message": "Internal Server Error"}),
            "silent/health/ready": (502, {"message": "Internal Server Error"}),
            "busy": (200, METADATA),
            "shut": (200, METADATA),
            "half": (200, METADATA),
        }
        account.models = {"parted/1/m.onnx"}
        account.functions = {
            "shut": {"Concurrency": {"ReservedConcurrentExecutions": 0}},
            "half": {"Configuration": {"State": "Active", "LastUpdateStatus": "Failed"}},
        }
        account.metrics = {
            ("AWS/Lambda", "Throttles", "lambda-serving-busy"): 12,
            ("Mine", "VersionsTakenOut", "busy", "2"): 3,
        }
        piped = run(project, account.url, "endpoints")
        asked = list(account.calls)
        told = json.loads(run(project, account.url, "endpoints", "--json").stdout)["endpoints"]
    assert (piped.returncode, piped.stderr) == (0, "")
    table = piped.stdout.partition("\n\n")[0]
    rows = {line.split()[0]: line for line in table.splitlines()[2:]}
    health = table.splitlines()[1].index("health")
    ends = {name: line[health:] for name, line in rows.items()}
    assert ends == {
        "fine": "ready",
        "parted": "no model: 2",
        "out": "taken out: 2",
        "broken": "broken: 2",
        "empty": "no model",
        "wrong": "fails",
        "silent": "no answer",
        "busy": "throttled; taken out: 2",
        "shut": "throttled",
        "half": "not active",
    }
    for text in (
        "parted, no model: 2: s3://models/parted/2/m.onnx: there is no such model",
        "out, taken out: 2: most of its requests fail",
        "broken, broken: 2: SettingsError: wrong",
        "empty, no model: 503 ModelFetchError in load: because",
        "silent, no answer: 502 Internal Server Error",
        "busy, throttled: 12 requests in the last hour",
        "busy, taken out: 2: in 3 environments in the last hour",
        "shut, throttled: its reserved concurrency is 0",
        "half, not active: the last update failed",
    ):
        assert text in piped.stdout
    assert "See `lambda-serving logs --errors`" in piped.stdout
    by_name = {each["endpoint"]: each["troubles"] for each in told}
    assert by_name["fine"] == [] and by_name["shut"][0]["kind"] == "throttled"
    # Two by HTTP, one of Lambda, for each; one of CloudWatch, two of CloudFormation, one model.
    assert len(asked) == 3 * len(rows) + 1 + 2 + 1 and asked.count("GetMetricData") == 1


def test_without_the_right_to_see_metrics(project: Path) -> None:
    class Refusing(Account):
        def read_metrics(self, asked: dict[str, Any]) -> tuple[int, str]:
            return 400, json.dumps({"__type": "AccessDeniedException", "message": "no"})

    with Refusing() as account:
        account.answers = {"fine": (200, METADATA)}
        done = run(project, account.url, "endpoints")
    assert done.returncode == 0 and done.stdout.splitlines()[-1].endswith("ready")
    assert "CloudWatch was not asked for throttles" in done.stderr

"""`lambda-serving stats` as a user types it, on a loopback server in the place of AWS."""

import json
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lambda_serving_cli.commands.stats import read_since
from lambda_serving_cli.terminal.errors import CommandError
from tests.functional.aws_commands import make_environment, write_state
from tests.functional.aws_commands import run as run_command
from tests.servers.cloudwatch import CloudWatch
from tests.servers.dev_server import COMMAND, wait_for
from tests.servers.forked import Forked
from tests.servers.runtime_api import find_free_port
from tests.unit.stats_log import Log, serve

STATS = [COMMAND[0], "stats"]
TOML = """
endpoint = "iris"
engine = "custom"
[metrics.variables.x]
type = "scalar"
buckets = [1.0, 2.0]
"""


def run(folder: Path, url: str, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return run_command(folder, url, "stats", *options, **more)


def read(folder: Path, url: str, *options: str, **more: str) -> dict[str, Any]:
    """What `--json` tells."""
    done = run(folder, url, *options, "--json", **more)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def fail(folder: Path, url: str, *options: str, **more: str) -> str:
    """What the command says that it cannot do."""
    done = run(folder, url, *options, **more)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "Traceback" not in done.stderr and "What to do: " in done.stderr
    return done.stderr


def make_lines(number: int) -> list[str]:
    """The EMF records of requests whose x goes up from 0."""
    log = Log()
    statistics = log.open("iris")
    for x in range(number):
        serve(statistics, {"x": float(x)}, number=x)
    return [event.message for event in log.events]


def write_project(folder: Path) -> None:
    (folder / "template.yaml").touch()
    endpoint = folder / "functions" / "iris"
    endpoint.mkdir(parents=True)
    (endpoint / "endpoint.toml").write_text(TOML)


def test_aws_page_by_page(tmp_path: Path) -> None:
    write_project(tmp_path)
    with CloudWatch() as logs:
        logs.page = 3
        logs.add("iris", *make_lines(10), "START RequestId: 1")
        logs.add("iris", *make_lines(5), timestamp=int(time.time() * 1000) - 2 * 3600 * 1000)
        told = read(tmp_path, logs.url)
        assert told["records"] == told["endpoints"]["iris"]["count"] == 10
        x = told["endpoints"]["iris"]["variables"]["x"]
        assert [bucket["count"] for bucket in x["buckets"]] == [2, 1, 7]  # endpoint.toml's
        assert told["target"]["region"] == "eu-west-1" and told["target"]["cloud"] == "aws"
        assert told["without_records"] == ["new"]  # its log group is not there yet
        assert "CloudWatchMetrics" in logs.calls[0]["filterPattern"]
        assert read(tmp_path, logs.url, "--since", "1d")["records"] == 15
        assert read(tmp_path, logs.url, "--since", "1900-01-01T00:00")["records"] == 15
        assert read(tmp_path, logs.url, "iris", "iris", "--version", "1")["records"] == 10
        assert read(tmp_path, logs.url, "--version", "2")["records"] == 0
        text = run(tmp_path, logs.url, "iris").stdout
    assert "Stack lambda-serving of AWS at http://127.0.0.1" in text and "10 records" in text
    assert "x: min 0, median 4, max 9" in text and "over 2" in text


def test_a_local_cloud_ends_after_one_page(tmp_path: Path) -> None:
    """As ministack does: nothing is missed, and nothing is counted twice."""
    (tmp_path / "template.yaml").touch()
    [line] = make_lines(1)
    with CloudWatch(has_tokens=False) as logs:
        write_state(tmp_path, logs.url)
        begin = int(time.time() * 1000) - 60_000
        for number in range(25_000):
            logs.add("iris", line, timestamp=begin + number // 7)
        told = read(tmp_path, "http://127.0.0.1:9", AWS_PROFILE="of AWS alone")
    assert told["records"] == 25_000
    target = {"cloud": "local", "stack": "lambda-serving", "region": "us-east-1"}
    assert told["target"] == target | {"endpoint_url": logs.url}


def test_samconfig_says_which_stack(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").touch()
    (tmp_path / "samconfig.toml").write_text(
        'version = 0.1\n[default.global.parameters]\nstack_name = "a"\nregion = "us-west-2"\n'
        '[default.deploy.parameters]\nstack_name = "mine"\nconfirm_changeset = true\n'
    )
    with CloudWatch() as logs:
        logs.stack = "mine"
        logs.add("iris", *make_lines(2))
        told = read(tmp_path, logs.url)
        assert (told["target"]["stack"], told["target"]["region"]) == ("mine", "us-west-2")
        assert told["records"] == 2
        logs.stack = "yours"
        logs.add("iris", *make_lines(3))
        told = read(tmp_path, logs.url, "--stack", "yours", "--region", "eu-north-1")
        assert (told["target"]["region"], told["records"]) == ("eu-north-1", 3)
    (tmp_path / "samconfig.toml").write_text("no TOML")
    assert "samconfig.toml" in fail(tmp_path, logs.url)


def test_samconfig_says_which_profile(tmp_path: Path) -> None:
    """`sam deploy` signs in with it, whatever the environment holds."""
    (tmp_path / "template.yaml").touch()
    (tmp_path / "credentials").write_text(
        "[mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = a\n"
        "[yours]\naws_access_key_id = AKIAYOURS\naws_secret_access_key = b\n"
    )
    (tmp_path / "config").write_text("[profile yours]\nregion = eu-south-1\n")
    parameters = '[default.deploy.parameters]\nprofile = "mine"\n'
    (tmp_path / "samconfig.toml").write_text(parameters)
    with CloudWatch() as logs:
        logs.add("iris", *make_lines(1))
        assert read(tmp_path, logs.url, "--aws")["target"]["region"] == "eu-west-1"
        assert logs.signers == {"AKIAMINE"}
        told = read(tmp_path, logs.url, "--profile", "yours", AWS_REGION="")
        assert told["target"]["region"] == "eu-south-1"
        assert logs.signers == {"AKIAMINE", "AKIAYOURS"}


def test_which_cloud_is_meant(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").touch()
    with CloudWatch() as local, CloudWatch() as aws:
        write_state(tmp_path, local.url)
        local.add("iris", *make_lines(1))
        aws.add("iris", *make_lines(2))
        assert read(tmp_path, aws.url)["records"] == 1
        assert read(tmp_path, aws.url, "--local")["records"] == 1
        assert read(tmp_path, aws.url, "--state", ".local")["records"] == 1
        assert read(tmp_path, aws.url, "--aws")["records"] == 2
        assert read(tmp_path, aws.url, "--stack", "lambda-serving")["records"] == 2
        assert read(tmp_path, aws.url, "--region", "eu-west-1")["records"] == 2
        for both in (["--local", "--region", "eu-west-1"], ["--aws", "--state", ".local"]):
            done = run(tmp_path, aws.url, *both)
            assert (done.returncode, done.stdout) == (2, "")
            assert "take one of them" in done.stderr
            assert both[0] in done.stderr and both[-2] in done.stderr


def test_what_cannot_be_found_is_told(tmp_path: Path) -> None:
    with CloudWatch() as logs:
        logs.add("iris", *make_lines(1))
        absent = fail(tmp_path, logs.url, "iriss")
        assert "'iriss'" in absent and "/aws/lambda/lambda-serving-iriss" in absent
        nope = fail(tmp_path, logs.url, "--stack", "nope")
        assert "there is no stack nope in eu-west-1" in nope and "make up" in nope
        assert "no-such" in fail(tmp_path, logs.url, "--profile", "no-such")
    nothing = f"http://127.0.0.1:{find_free_port()}"
    assert nothing in fail(tmp_path, nothing)
    up = fail(tmp_path, nothing, "--local")
    assert "no local cloud is up" in up and "make up" in up
    write_state(tmp_path, nothing)
    down = fail(tmp_path, "")
    assert nothing in down and "make up" in down
    (tmp_path / ".local" / "stack.json").write_text("{}")
    assert "stack.json cannot be read" in fail(tmp_path, "")


@pytest.mark.parametrize(
    ("endpoints", "code", "advice"),
    [
        (["iris"], "AccessDeniedException", "--profile"),
        ([], "AccessDenied", "--profile"),
        (["iris"], "ExpiredTokenException", "sign in"),
    ],
)
def test_what_aws_refuses_is_told(
    tmp_path: Path, endpoints: list[str], code: str, advice: str
) -> None:
    with CloudWatch(error=(code, "no, because")) as logs:
        told = fail(tmp_path, logs.url, *endpoints)
    assert f"{code}: no, because" in told and advice in told


def test_without_credentials_or_region(tmp_path: Path) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with CloudWatch() as logs:
        told = fail(tmp_path, logs.url, **none)
        assert "credentials" in told and "sign in" in told and "--profile" in told
        assert "region" in fail(tmp_path, logs.url, AWS_REGION="")


@pytest.mark.parametrize("since", ["1y", "soon", "", "-1h", "2999-01-01", "9" * 30 + "d", "1.5"])
def test_wrong_times(since: str) -> None:
    with pytest.raises(CommandError, match="--since") as failed:
        read_since(since, datetime.now().astimezone())
    assert repr(since) in failed.value.reason and "15m" in failed.value.advice


def test_a_wrong_time_is_told(tmp_path: Path) -> None:
    assert "--since: 'soon' is no time" in fail(tmp_path, "", "--since=soon")


def test_ctrl_c_is_no_traceback(tmp_path: Path) -> None:
    with CloudWatch() as logs:
        logs.add("iris", *make_lines(1))
        logs.delay = 30
        process = Forked(
            [*STATS, "iris"], cwd=tmp_path, env=make_environment(tmp_path, logs.url), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(lambda: logs.calls, "the command to read")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert output == "" and "Traceback" not in errors

"""`lambda-serving local up` and `down`: what they write, leave running and leave behind."""

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import forked
from tests.servers.built import PROJECT, STATE, environment_with_uv
from tests.stack.conftest import Stack, bring_down, bring_up, list_processes

KEYS = {"api_url", "aws_endpoint_url", "region", "stack_name", "model_bucket", "functions"}
QUICK = 30.0
"""Seconds that an `up` may take where nothing changed."""


def read_versions(stack: Stack) -> dict[str, list[str]]:
    """function -> the versions it has published."""
    return {
        function: [
            version["Version"]
            for version in stack.functions.list_versions_by_function(FunctionName=function)[
                "Versions"
            ]
        ]
        for function in stack.state["functions"].values()
    }


def test_state_file(stack: Stack) -> None:
    assert stack.state.keys() >= KEYS
    assert str(stack.port) in stack.state["aws_endpoint_url"]
    assert stack.state["aws_endpoint_url"].startswith("http://127.0.0.1:")
    functions: dict[str, Any] = stack.state["functions"]
    name = stack.state["stack_name"]
    assert functions == {endpoint: f"{name}-{endpoint}" for endpoint in functions}
    assert {"iris_onnx", "filetype"} <= functions.keys()


def test_api_url_can_be_pasted_into_a_shell(stack: Stack) -> None:
    assert not set("$&|;<>()`\\\"' *?[]#~!") & set(stack.api_url)
    assert not stack.api_url.endswith("/")


def test_up_shows_requests_answers_and_what_is_next(stack: Stack) -> None:
    for word in (stack.api_url, "curl", "sam local invoke", "make test", "make down"):
        assert word in stack.log
    for function in stack.state["functions"].values():
        assert function in stack.log


def test_models_are_published(stack: Stack) -> None:
    listed = stack.bucket.list_objects_v2(Bucket=stack.state["model_bucket"])["Contents"]
    keys = {item["Key"] for item in listed}
    assert {"iris_onnx/1/model.onnx", "filetype/1/model.onnx", "filetype/1/config.json"} <= keys


def test_up_again_is_quick_and_changes_nothing(stack: Stack) -> None:
    state, versions = stack.state, read_versions(stack)
    started = time.monotonic()
    again = bring_up(stack.port)
    took = time.monotonic() - started
    assert again.returncode == 0, again.stdout
    assert took < QUICK
    assert (stack.state, read_versions(stack)) == (state, versions)


def test_up_as_json(stack: Stack) -> None:
    """Again, with nothing changed: JSON alone on stdout, the steps on stderr."""
    command = [str(Path(sys.executable).with_name("lambda-serving")), "local", "up", "--json"]
    done = forked.run(
        [*command, "--port", str(stack.port), "--state", str(STATE)], cwd=PROJECT,
        env=environment_with_uv(), text=True, timeout=300, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == stack.state
    assert "sam deploy to the local cloud: unchanged" in done.stderr


def test_busy_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = bring_up(port, tmp_path / "state")
    assert up.returncode != 0
    assert f"{port}" in up.stdout
    assert "port" in up.stdout.lower()
    assert "Traceback" not in up.stdout
    assert list_processes(str(tmp_path)) == {}


def test_port_of_another_local_cloud_is_busy(stack: Stack, tmp_path: Path) -> None:
    up = bring_up(stack.port, tmp_path / "state")
    assert up.returncode != 0
    assert str(stack.port) in up.stdout
    assert stack.get("/serve/iris_onnx/health/live").status_code == 200


def test_down_without_up_is_fine(tmp_path: Path) -> None:
    down = bring_down(tmp_path / "state")
    assert down.returncode == 0, down.stdout
    assert "Traceback" not in down.stdout


STRANGERS = [
    ({"Host": "evil.com"}, "ForeignHost"),
    ({"Origin": "https://evil.com", "Content-Type": "text/plain"}, "ForeignOrigin"),
    ({"Origin": "null"}, "ForeignOrigin"),
    ({"Sec-Fetch-Site": "cross-site"}, "ForeignOrigin"),
]
MADE_UP = (
    "/2015-03-31/functions?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T000000Z"
    "&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Flambda%2Faws4_request"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Expires=600"
)
"""What makes a function, by a query that anyone can write."""


@pytest.mark.parametrize(("headers", "error"), STRANGERS)
def test_no_web_page_reaches_it(stack: Stack, headers: dict[str, str], error: str) -> None:
    url = stack.state["aws_endpoint_url"]
    for path in (
        MADE_UP,
        "/_ministack/health",
        f"{stack.api_url.removeprefix(url)}/serve/filetype",
    ):
        answer = httpx.post(url + path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, error), path
        assert "access-control-allow-origin" not in answer.headers
    preflight = httpx.options(url + MADE_UP, headers=headers)
    assert preflight.status_code == 403


def test_a_buckets_own_host_is_answered(stack: Stack) -> None:
    """As SDKs name buckets where the endpoint has a name."""
    signed = stack.bucket.generate_presigned_url(
        "head_bucket", {"Bucket": stack.state["model_bucket"]}
    )
    host = f"{stack.state['model_bucket']}.localhost:{stack.port}"
    assert httpx.head(signed, headers={"Host": host}).headers.get("x-amz-request-id")

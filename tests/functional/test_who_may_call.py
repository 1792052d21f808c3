"""`invoke` and `endpoints` on stacks that ask for a signature, a token or nothing."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Copy
from tests.servers.http_api import SECRET, TOKEN, HttpApi

STACK = ("--stack", "shop", "--region", "eu-central-1")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
SESSION = {"AWS_SESSION_TOKEN": "a-session"}


@contextmanager
def deploy(folder: Path, auth: str | None) -> Iterator[tuple[HttpApi, Copy, dict[str, str]]]:
    with HttpApi(auth) as api:
        yield api, Copy(folder), KEYS | {"AWS_ENDPOINT_URL": api.url}


@pytest.mark.parametrize(
    ("auth", "more", "env", "sent"),
    [
        ("AWS_IAM", [], {}, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        ("AWS_IAM", ["--version", "2"], SESSION, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        ("AWS_IAM", [], {"SERVING_TOKEN": TOKEN}, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        ("JWT", [], {"SERVING_TOKEN": TOKEN}, f"Bearer {TOKEN}"),
        ("JWT", ["--token", TOKEN], {"SERVING_TOKEN": "another"}, f"Bearer {TOKEN}"),
        ("NONE", [], {}, ""),
        ("NONE", [], {"SERVING_TOKEN": ""}, ""),
        (None, [], {}, ""),
        # An authorizer of the user's own.
        ("NONE", [], {"SERVING_TOKEN": TOKEN}, f"Bearer {TOKEN}"),
    ],
)
def test_requests_have_what_the_stack_asks_for(
    tmp_path: Path, auth: str | None, more: list[str], env: Mapping[str, str], sent: str
) -> None:
    with deploy(tmp_path, auth) as (api, here, aws):
        answer = here.do("invoke", "adder", "--data", '{"x": 1}', *more, *STACK, env=aws | env)
    assert json.loads(answer) == {"y": 3}
    [(_, headers)] = api.seen
    found = {name.lower(): value for name, value in headers.items()}
    assert found.get("authorization", "").startswith(sent)
    assert ("authorization" in found) == bool(sent)
    assert found.get("x-amz-security-token") == env.get("AWS_SESSION_TOKEN")
    assert found["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("auth", "more", "env", "code", "message"),
    [
        ("JWT", [], {}, 1, "the HTTP API wants a token"),
        ("JWT", [], {"SERVING_TOKEN": "bad-token"}, 1, "401 Unauthorized"),
        ("JWT", [], {"SERVING_TOKEN": "bad-token"}, 1, "of the stack's JwtIssuer and JwtAudience"),
        ("JWT", ["--token", "bad-token\nx: y"], {}, 2, "expected a bearer token"),
        ("JWT", [], {"SERVING_TOKEN": "bad-token\r\n"}, 2, "expected a bearer token"),
        ("JWT", ["--token", "bad-tokén"], {}, 2, "expected a bearer token"),
        ("AWS_IAM", [], {"AWS_SECRET_ACCESS_KEY": "bad-token"}, 1, "permitted execute-api:Invoke"),
        ("AWS_IAM", [], {"AWS_SECRET_ACCESS_KEY": "bad-token"}, 1, "403 Forbidden"),
    ],
)
def test_who_is_not_let_in_is_told_why_and_no_secret(
    tmp_path: Path,
    auth: str,
    more: list[str],
    env: Mapping[str, str],
    code: int,
    message: str,
) -> None:
    with deploy(tmp_path, auth) as (_, here, aws):
        for arguments in (["invoke"], ["--debug", "invoke"]):
            done = here.run(*arguments, "adder", *more, *STACK, env=aws | env)
            told = " ".join(done.stderr.decode().replace("│", " ").split())
            assert (done.returncode, message in told) == (code, True), told
            assert "bad-tok" not in told + done.stdout.decode()


def test_no_other_host_gets_the_token(tmp_path: Path) -> None:
    with deploy(tmp_path, "JWT") as (api, here, aws):
        env = aws | {"SERVING_TOKEN": TOKEN}
        here.run("invoke", "adder", "--version", "away", *STACK, env=env)
    assert TOKEN not in str([headers for path, headers in api.seen if path == "/elsewhere"])


@pytest.mark.parametrize(
    ("auth", "env", "by_http"),
    [
        ("JWT", {}, False),
        ("JWT", {"SERVING_TOKEN": "another"}, False),
        ("JWT", {"SERVING_TOKEN": TOKEN}, True),
        ("AWS_IAM", {}, True),
        ("NONE", {}, True),
    ],
)
def test_endpoints_ask_the_functions_where_the_api_lets_nobody_in(
    tmp_path: Path, auth: str, env: Mapping[str, str], by_http: bool
) -> None:
    with deploy(tmp_path, auth) as (api, here, aws):
        [found] = here.ask("endpoints", *STACK, env=aws | env)["endpoints"]
    assert (found["endpoint"], found["health"]) == ("adder", "ready")
    assert api.invokes == (0 if by_http else 1)

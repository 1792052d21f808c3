"""`invoke` and `endpoints` on stacks that ask for a signature, a token or nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lambda_serving_cli.aws.local_stack import LocalStack
from tests.cli.conftest import Copy, Done
from tests.servers.http_api import FUNCTION, SECRET, TOKEN, HttpApi

IN_AWS = ("--stack", "shop", "--region", "eu-central-1")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
SESSION = {"AWS_SESSION_TOKEN": "a-session"}


@dataclass(frozen=True)
class Deployed:
    """A stack, and who calls it."""

    api: HttpApi
    folder: Path

    def call(self, *arguments: str, aws: bool, **env: str) -> Done:
        """A command on it: as a stack in AWS, which is read by CloudFormation, or a local cloud."""
        where = IN_AWS if aws else ("--state", str(self.folder))
        known = KEYS | {"AWS_ENDPOINT_URL": self.api.url}
        return Copy(self.folder).run(*arguments, *where, env=known | env)


@contextmanager
def deploy(folder: Path, auth: str | None) -> Iterator[Deployed]:
    with HttpApi(auth) as api:
        functions = {"adder": FUNCTION}
        local = LocalStack(api.url, api.url, "us-east-1", "shop", "models", functions, auth or "")
        local.write(folder)
        yield Deployed(api, folder)


SIGNED = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"


@pytest.mark.parametrize(
    ("auth", "aws", "more", "env", "sent"),
    [
        ("AWS_IAM", True, [], {"SERVING_TOKEN": TOKEN}, SIGNED),
        ("AWS_IAM", True, ["--version", "2"], SESSION, SIGNED),
        ("JWT", True, ["--token", TOKEN], {"SERVING_TOKEN": "another"}, f"Bearer {TOKEN}"),
        ("JWT", False, [], {"SERVING_TOKEN": TOKEN}, f"Bearer {TOKEN}"),
        (None, True, [], {}, ""),
        ("NONE", False, [], {"SERVING_TOKEN": ""}, ""),
        # An authorizer of the user's own.
        ("NONE", False, [], {"SERVING_TOKEN": TOKEN}, f"Bearer {TOKEN}"),
    ],
)
def test_requests_have_what_the_stack_asks_for(
    tmp_path: Path, auth: str | None, aws: bool, more: list[str], env: dict[str, str], sent: str
) -> None:
    with deploy(tmp_path, auth) as stack:
        done = stack.call("invoke", "adder", "--data", '{"x": 1}', *more, aws=aws, **env)
    assert (done.returncode, done.stdout) == (0, b'{"y": 3}'), done.stderr
    [(_, headers)] = stack.api.seen
    found = {name.lower(): value for name, value in headers.items()}
    assert found.get("authorization", "").startswith(sent)
    assert ("authorization" in found) == bool(sent)
    assert found.get("x-amz-security-token") == env.get("AWS_SESSION_TOKEN")
    assert found["content-type"] == "application/json"


TOKEN_REFUSED = ("401 Unauthorized", "of the stack's JwtIssuer and JwtAudience")
SIGNATURE_REFUSED = ("403 Forbidden", "permitted execute-api:Invoke")


@pytest.mark.parametrize(
    ("auth", "more", "env", "code", "messages"),
    [
        ("JWT", [], {}, 1, ("the HTTP API wants a token", "SERVING_TOKEN")),
        ("JWT", [], {"SERVING_TOKEN": "bad-token"}, 1, TOKEN_REFUSED),
        ("JWT", ["--token", "bad-token\nx: y"], {}, 2, ("expected a bearer token",)),
        ("JWT", [], {"SERVING_TOKEN": "bad-token\r\n"}, 2, ("expected a bearer token",)),
        ("JWT", ["--token", "bad-tokén"], {}, 2, ("expected a bearer token",)),
        ("AWS_IAM", [], {"AWS_SECRET_ACCESS_KEY": "bad-token"}, 1, SIGNATURE_REFUSED),
    ],
)
def test_who_is_not_let_in_is_told_why_and_no_secret(
    tmp_path: Path,
    auth: str,
    more: list[str],
    env: dict[str, str],
    code: int,
    messages: tuple[str, ...],
) -> None:
    with deploy(tmp_path, auth) as stack:
        done = stack.call("--debug", "invoke", "adder", *more, aws=auth == "AWS_IAM", **env)
    told = " ".join(done.stderr.decode().replace("│", " ").split())
    assert done.returncode == code, told
    assert all(message in told for message in messages), told
    assert "bad-tok" not in told + done.stdout.decode()


def test_no_other_host_gets_the_token(tmp_path: Path) -> None:
    with deploy(tmp_path, "JWT") as stack:
        done = stack.call("invoke", "adder", "--version", "away", aws=False, SERVING_TOKEN=TOKEN)
    told = {path: str(headers) for path, headers in stack.api.seen}
    assert done.returncode == 0, done.stderr
    assert TOKEN in told["/serve/adder/away"] and TOKEN not in told["/elsewhere"]


@pytest.mark.parametrize(
    ("auth", "env", "by_http"),
    [
        ("JWT", {}, False),
        ("JWT", {"SERVING_TOKEN": "another"}, False),
        ("JWT", {"SERVING_TOKEN": TOKEN}, True),
        ("AWS_IAM", {}, True),
    ],
)
def test_endpoints_ask_the_functions_where_the_api_lets_nobody_in(
    tmp_path: Path, auth: str, env: dict[str, str], by_http: bool
) -> None:
    with deploy(tmp_path, auth) as stack:
        done = stack.call("endpoints", "--json", aws=auth == "AWS_IAM", **env)
    [found] = json.loads(done.stdout)["endpoints"]
    assert (found["endpoint"], found["health"]) == ("adder", "ready")
    assert stack.api.invokes == (0 if by_http else 1)

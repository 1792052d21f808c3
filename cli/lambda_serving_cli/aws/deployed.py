"""Ask deployed endpoints: by HTTP, or by a Lambda invoke."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from lambda_serving_cli.aws.authorization import Access
from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.files.content import parse_json
from lambda_serving_cli.terminal.errors import CommandError

ALIAS = "live"
SECONDS = 60
"""An HTTP API answers within 30 s, a function within its timeout of 29 s and a cold start."""

JSON = "application/json"
BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Reply:
    """An answer as it came."""

    status: int
    content_type: str
    body: bytes

    @property
    def is_error(self) -> bool:
        return self.status >= 400

    @property
    def is_json(self) -> bool:
        essence = self.content_type.partition(";")[0].strip().lower()
        return essence == JSON or essence.endswith("+json")

    def read(self) -> Any:
        """The content of a JSON answer; None where it is no JSON."""
        return parse_json(self.body)

    def describe_error(self) -> str:
        """`422 ValueError in preprocess: expected the key a`, or the answer's beginning."""
        found = self.read()
        if isinstance(found, dict) and {"detail", "type", "stage"} <= found.keys():
            return f"{self.status} {found['type']} in {found['stage']}: {found['detail']}"
        if isinstance(found, dict) and isinstance(found.get("message"), str):  # API Gateway's own
            return f"{self.status} {found['message']}"
        text = " ".join(self.body.decode(errors="replace").split())
        return f"{self.status} {text[:300]}"


def require_function(stack: DeployedStack, endpoint: str) -> str:
    """The name of an endpoint's function.

    Raises:
        CommandError: it is not deployed; names those that are.
    """
    if endpoint not in stack.functions:
        known = ", ".join(sorted(stack.functions)) or "none"
        raise CommandError(
            f"{stack.name} has no endpoint {endpoint!r}; it has: {known}",
            advice="`make up` or `sam deploy` deploys what is in functions/",
        )
    return stack.functions[endpoint]


def ask_endpoint(
    stack: DeployedStack,
    endpoint: str,
    version: str | None,
    body: bytes,
    content_type: str,
    by_lambda: bool,
    token: str | None = None,
) -> Reply:
    """Send one request: by HTTP, or by an invoke where that is wanted or there is no HTTP API."""
    if by_lambda or stack.api_url is None:
        function = require_function(stack, endpoint)
        return ask_lambda(stack, function, version, body, content_type)
    path = f"{endpoint}/{version}" if version else endpoint
    return ask_http(stack, stack.find_access(token), path, body, content_type)


def ask_http(
    stack: DeployedStack,
    access: Access,
    path: str,
    body: bytes | None = None,
    content_type: str = "",
) -> Reply:
    """GET, or POST of a body, at /serve/ + path, with the signature or token that is asked for.

    Raises:
        CommandError: no answer came, or there is no token.
        NoCredentialsError: there is nothing to sign with.
    """
    if stack.api_url is None:
        raise CommandError(f"{stack.name} has no HTTP API", advice="ask the function: --lambda")
    url = f"{stack.api_url}/serve/{path}"
    headers = {"content-type": content_type} if content_type else {}
    request = urllib.request.Request(url, body, headers)
    for name, value in access.authorize(request.get_method(), url, body, headers).items():
        request.add_unredirected_header(name, value)  # no other host is told
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return Reply(answer.status, answer.headers.get("content-type", ""), answer.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, error.headers.get("content-type", ""), error.read())
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"{url}: {error}") from error


def ask_lambda(
    stack: DeployedStack, function: str, version: str | None, body: bytes, content_type: str
) -> Reply:
    """Invoke a function as `send_request` does, and ask for the answer as it is.

    Raises:
        CommandError: the body is no JSON although its type is.
        ClientError, BotoCoreError: Lambda refused, or could not be reached.
    """
    from lambda_serving.messages.envelope import make_payload, open_whole_answer
    from lambda_serving.messages.request import Request

    data: Any = body
    if Reply(200, content_type, b"").is_json:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise CommandError(f"the body is no JSON: {error}") from error
    payload = make_payload(Request({}, str(uuid4())), version, data, "whole")
    reply = _invoke(stack, function, payload)
    if reply.is_error:
        return reply
    try:
        found = open_whole_answer(reply.body)
        return Reply(found.status, found.content_type, found.body)
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{function}: its answer is none of this runtime") from error


def ask_metadata(stack: DeployedStack, function: str) -> Reply:
    """What an endpoint tells of itself, by an invoke."""
    envelope = {"serving": {"protocol": 1, "answer": "metadata"}, "body": {}}
    return _invoke(stack, function, json.dumps(envelope).encode())


def _invoke(stack: DeployedStack, function: str, payload: bytes) -> Reply:
    from botocore.config import Config

    # Never twice: the function may have done its work already.
    once = Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS)
    client = stack.client("lambda", once)
    answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=payload)
    result = answer["Payload"].read()
    if not answer.get("FunctionError"):
        return Reply(200, JSON, result)
    try:
        # What a function raises has the body of the HTTP answer for its message.
        body = json.loads(json.loads(result)["errorMessage"])
        return Reply(int(body["status"]), JSON, json.dumps(body, ensure_ascii=False).encode())
    except (ValueError, KeyError, TypeError, RecursionError):
        return Reply(500, JSON, result)

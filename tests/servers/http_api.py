"""A loopback server that is a deployed stack: its HTTP API, CloudFormation, and one function."""

import json
from typing import Any
from urllib.parse import parse_qs

from tests.servers.loopback import LoopbackServer
from tests.servers.signature import find_defect

SECRET, TOKEN = "a-secret-key", "a.good-token.x"
FUNCTION = "shop-adder"
DESCRIPTION = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>shop</StackName><StackStatus>UPDATE_COMPLETE</StackStatus>
<Outputs><member><OutputKey>ModelBucket</OutputKey><OutputValue>models</OutputValue></member>
<member><OutputKey>ApiUrl</OutputKey><OutputValue>{url}</OutputValue></member></Outputs>
<Parameters>{parameters}</Parameters>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
PARAMETER = """<member><ParameterKey>Auth</ParameterKey>
<ParameterValue>{auth}</ParameterValue></member>"""
RESOURCES = f"""<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>
<member><ResourceType>AWS::Lambda::Function</ResourceType>
<PhysicalResourceId>{FUNCTION}</PhysicalResourceId></member>
</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"""


class HttpApi(LoopbackServer):
    """Lets in whom `auth` says; None is a stack of a template that had no such parameter."""

    def __init__(self, auth: str | None) -> None:
        self.auth = auth
        self.seen: list[tuple[str, dict[str, str]]] = []
        """Path and headers of each request to the HTTP API."""
        self.invokes = 0

    def reply(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:
        """Whatever is asked of the stack."""
        if path == "/":
            [action] = parse_qs(body.decode())["Action"]
            known = "" if self.auth is None else PARAMETER.format(auth=self.auth)
            description = DESCRIPTION.format(url=self.url, parameters=known)
            return 200, description if action == "DescribeStacks" else RESOURCES
        if path.startswith("/2015-03-31/"):
            self.invokes += method == "POST"  # and no look at the function's state
            return 200, json.dumps({"versions": {}, "default": "1"})
        self.seen.append((path, dict(headers.items())))
        if path == "/elsewhere":
            return 200, "{}"
        authorization = headers.get("authorization", "")
        if self.auth == "JWT" and authorization != f"Bearer {TOKEN}":
            return 401, '{"message":"Unauthorized"}'
        if self.auth == "AWS_IAM" and find_defect(
            method, path, headers, body, "execute-api", SECRET
        ):
            return 403, '{"message":"Forbidden"}'
        if path == "/serve/adder/away":
            return 302, self.url.replace("127.0.0.1", "localhost") + "/elsewhere"
        return 200, '{"y": 3}'

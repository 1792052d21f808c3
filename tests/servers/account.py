"""A loopback server that answers as the AWS services do that `lambda-serving endpoints` asks."""

import json
from typing import Any

from tests.servers.cloudwatch import MEMBER, RESOURCES
from tests.servers.loopback import LoopbackServer

STACK = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>lambda-serving</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<Outputs><member><OutputKey>ModelBucket</OutputKey><OutputValue>models</OutputValue></member>
<member><OutputKey>ApiUrl</OutputKey><OutputValue>{url}</OutputValue></member></Outputs>
<Parameters><member><ParameterKey>Auth</ParameterKey><ParameterValue>NONE</ParameterValue></member>
<member><ParameterKey>MetricsNamespace</ParameterKey><ParameterValue>Mine</ParameterValue></member>
</Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""

Answer = tuple[int, Any]


class Account(LoopbackServer):
    """One stack: what its endpoints answer by HTTP, their functions, models and metrics."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        """Endpoint, or endpoint/health/ready -> status and JSON."""
        self.functions: dict[str, dict[str, Any]] = {}
        """Endpoint -> what GetFunction tells."""
        self.models: set[str] = set()
        self.metrics: dict[tuple[str, ...], float] = {}
        """Namespace, name and values of the dimensions -> sum."""
        self.calls: list[str] = []

    def reply(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:
        self.calls.append(f"{method} {path}")
        if path.startswith("/serve/"):
            name = path.removeprefix("/serve/")
            status, content = self.answers.get(name, (200, {"status": "ready"}))
            return status, json.dumps(content)
        if "/functions/" in path:
            name = path.rpartition("/lambda-serving-")[2].partition("/")[0]
            return 200, json.dumps(self.functions.get(name, {}))
        if "GetMetricData" in (headers.get("x-amz-target") or ""):
            self.calls[-1] = "GetMetricData"
            return self.read_metrics(json.loads(body))
        if path.startswith("/models/"):
            return 200 if path.removeprefix("/models/") in self.models else 404, ""
        if b"Action=DescribeStacks" in body:
            return 200, STACK.format(url=self.url)
        names = sorted({each.partition("/")[0] for each in self.answers})
        members = (MEMBER.format(name=f"lambda-serving-{name}") for name in names)
        return 200, RESOURCES.format(members="".join(members))

    def read_metrics(self, asked: dict[str, Any]) -> tuple[int, str]:
        """GetMetricData."""
        results = []
        for query in asked["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            values = (each["Value"] for each in metric["Dimensions"])
            total = self.metrics.get((metric["Namespace"], metric["MetricName"], *values))
            told = [] if total is None else [total]
            results.append({"Id": query["Id"], "Label": query["Id"], "Values": told})
        return 200, json.dumps({"MetricDataResults": results})

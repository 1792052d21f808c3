"""A loopback server that answers as CloudWatch Logs and CloudFormation do, as far as is read."""

import json
import math
import re
import time
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from tests.servers.loopback import LoopbackServer

PAGE = 10_000
"""Events of a page at most (Amazon CloudWatch Logs, FilterLogEvents)."""

RESOURCES = """<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>
{members}</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"""
MEMBER = """<member><ResourceType>AWS::Lambda::Function</ResourceType>
<PhysicalResourceId>{name}</PhysicalResourceId></member>"""
ERROR = (
    "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
)


class CloudWatch(LoopbackServer):
    """Holds log events of groups."""

    def __init__(self, *, has_tokens: bool = True, error: tuple[str, str] | None = None) -> None:
        """Without tokens every answer ends after its first page, and events have no ids, as in the
        local cloud. ``error`` is every answer."""
        self.groups: dict[str, list[dict[str, Any]]] = {}
        self.stack = "lambda-serving"
        self.calls: list[dict[str, Any]] = []
        self.signers: set[str] = set()
        self.page, self.delay = PAGE, 0.0
        self._has_tokens, self._error = has_tokens, error
        self._numbers = count()

    def add(
        self, endpoint: str, *messages: str, timestamp: int | None = None, stream: str = "s"
    ) -> None:
        """Log lines of now, or of a time in milliseconds; in AWS each event has an id."""
        now = int(time.time() * 1000) - 1000 if timestamp is None else timestamp
        events = [
            {"logStreamName": stream, "timestamp": now, "message": message} for message in messages
        ]
        if self._has_tokens:
            for event in events:
                event["eventId"] = str(next(self._numbers))
        self.groups.setdefault(f"/aws/lambda/{self.stack}-{endpoint}", []).extend(events)

    def reply(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:
        """Of Logs, whose calls are JSON, or of CloudFormation."""
        if key := re.search("Credential=([^/]+)/", headers["authorization"]):
            self.signers.add(key[1])
        text = body.decode()
        return self.answer(json.loads(text)) if text.startswith("{") else self.list_stack(text)

    def answer(self, call: dict[str, Any]) -> tuple[int, str]:
        """FilterLogEvents."""
        self.calls.append(call)
        time.sleep(self.delay)
        if self._error:
            return refuse(*self._error)
        events = self.groups.get(call["logGroupName"])
        if events is None:
            return refuse("ResourceNotFoundException", "The specified log group does not exist.")
        end, pattern = call.get("endTime", math.inf), call.get("filterPattern", "")
        found = [
            event
            for event in sorted(events, key=lambda event: int(event["timestamp"]))
            if call["startTime"] <= event["timestamp"] <= end and matches(pattern, event["message"])
        ]
        start = int(call.get("nextToken", 0))
        page: dict[str, Any] = {"events": found[start : start + self.page]}
        if self._has_tokens and start + self.page < len(found):
            page["nextToken"] = str(start + self.page)
        return 200, json.dumps(page)

    def list_stack(self, body: str) -> tuple[int, str]:
        """ListStackResources."""
        if self._error:
            code, message = self._error
            return 400, ERROR.format(code=code, message=message)
        [stack] = parse_qs(body)["StackName"]
        if stack != self.stack:
            message = f"Stack with id {stack} does not exist"
            return 400, ERROR.format(code="ValidationError", message=message)
        names = [group.removeprefix("/aws/lambda/") for group in self.groups]
        members = "".join(
            MEMBER.format(name=name) for name in [*names, "elsewhere", "lambda-serving-new"]
        )
        return 200, RESOURCES.format(members=members)


def matches(pattern: str, message: str) -> bool:
    """Whether a line has all terms in quotes, or one of those that have a question mark."""
    found = [(mark, term in message) for mark, term in re.findall(r'(\??)"([^"]*)"', pattern)]
    of_several = [is_there for mark, is_there in found if mark]
    return any(of_several or [True]) and all(is_there for mark, is_there in found if not mark)


def refuse(code: str, message: str) -> tuple[int, str]:
    return 400, json.dumps({"__type": code, "message": message})

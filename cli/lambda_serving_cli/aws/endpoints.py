"""The endpoints of a stack, as they tell of themselves, and as Lambda tells of their functions."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from lambda_serving_cli.aws.authorization import Access, TokenError
from lambda_serving_cli.aws.deployed import Reply, ask_http, ask_metadata
from lambda_serving_cli.aws.errors import tell_aws_errors
from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.aws.troubles import (
    BROKEN,
    NO_ANSWER,
    TAKEN_OUT,
    THROTTLED,
    Trouble,
    list_function_troubles,
    list_metric_troubles,
    list_reply_troubles,
)
from lambda_serving_cli.terminal.errors import CommandError
from lambda_serving_cli.terminal.output import remark

THREADS = 8


@dataclass(frozen=True)
class DeployedEndpoint:
    """An endpoint as it is deployed. `health` is "ready", or why it is not."""

    endpoint: str
    function: str
    health: str
    metadata: Mapping[str, Any]
    others: tuple[Trouble, ...] = ()
    """What Lambda, CloudWatch and the bucket tell."""

    @property
    def versions(self) -> Mapping[str, Mapping[str, Any]]:
        found = self.metadata.get("versions")
        return found if isinstance(found, dict) else {}

    @property
    def traffic(self) -> dict[str, float]:
        """Who answers the unversioned URL, with its share."""
        told = self.metadata.get("traffic")
        for version in self.versions.values():
            told = told or version.get("targets")  # of a canary
        if isinstance(told, dict) and all(
            isinstance(share, float | int) for share in told.values()
        ):
            return told
        default = self.metadata.get("default")
        return {str(default): 1.0} if default else {}

    @property
    def taken_out(self) -> dict[str, str]:
        """What the circuit breaker took out of the traffic, and why; as one environment sees it."""
        return self._collect("taken_out")

    @property
    def broken(self) -> dict[str, str]:
        """Versions that do not load, and why; as one environment sees it."""
        return self._collect("broken")

    @property
    def troubles(self) -> list[Trouble]:
        """All that is wrong; of a version that is taken out, what the environment says."""
        out = [Trouble(TAKEN_OUT, name, why) for name, why in self.taken_out.items()]
        broken = [Trouble(BROKEN, name, why) for name, why in self.broken.items()]
        found = {(each.kind, each.version): each for each in (*self.others, *broken, *out)}
        return list(found.values())

    def _collect(self, key: str) -> dict[str, str]:
        told = [self.metadata.get(key), *(each.get(key) for each in self.versions.values())]
        tables = [each for each in told if isinstance(each, dict)]
        return {str(name): str(why) for table in tables for name, why in table.items()}

    def as_dict(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "function": self.function,
            "health": self.health,
            "traffic": self.traffic,
            "versions": self.versions,
            "taken_out": self.taken_out,
            "broken": self.broken,
            "troubles": [each._asdict() for each in self.troubles],
        }


def list_deployed(stack: DeployedStack, token: str | None = None) -> list[DeployedEndpoint]:
    """Ask every endpoint of a stack how it is, and Lambda and CloudWatch how its function is."""
    access = stack.find_access(token)
    functions = stack.client("lambda")
    with ThreadPoolExecutor(THREADS) as pool:
        names = sorted(stack.functions)
        found = list(pool.map(lambda name: look(stack, access, functions, name), names))
    return add_metrics(stack, found)


def look(stack: DeployedStack, access: Access, functions: Any, endpoint: str) -> DeployedEndpoint:
    """Ask one; by HTTP, or by an invoke where the HTTP API lets nobody in.

    Raises:
        NoCredentialsError: there is nothing to sign with.
    """
    function = stack.functions[endpoint]
    others = list(list_function_troubles(functions, function))
    try:
        with tell_aws_errors():
            ready, reply = _ask(stack, access, endpoint)
    except CommandError as error:
        if _is_of_credentials(error):
            raise
        kind = THROTTLED if "TooManyRequests" in error.reason else NO_ANSWER
        others.insert(0, Trouble(kind, "", error.reason))
        return DeployedEndpoint(endpoint, function, error.reason, {}, tuple(others))
    metadata = reply.read()
    is_whole = not reply.is_error and isinstance(metadata, dict)
    failed = next((each for each in (ready, reply) if each.is_error), None)
    health = "ready" if failed is None else failed.describe_error()
    others[:0] = [] if failed is None else list_reply_troubles(failed)
    known = metadata if is_whole else {}
    return DeployedEndpoint(endpoint, function, health, known, tuple(others))


def _ask(stack: DeployedStack, access: Access, endpoint: str) -> tuple[Reply, Reply]:
    """Whether it is ready, and its metadata."""
    if stack.api_url is not None:
        with suppress(TokenError):
            ready = ask_http(stack, access, f"{endpoint}/health/ready")
            reply = ask_http(stack, access, endpoint)
            if reply.status not in (401, 403, 404):
                return ready, reply
    reply = ask_metadata(stack, stack.functions[endpoint])
    return reply, reply


def _is_of_credentials(error: CommandError) -> bool:
    from botocore.exceptions import NoCredentialsError

    return isinstance(error.__cause__, NoCredentialsError)


def add_metrics(stack: DeployedStack, found: list[DeployedEndpoint]) -> list[DeployedEndpoint]:
    """Add what CloudWatch counted in all environments."""
    if not found:
        return found
    versions = {each.endpoint: [*each.traffic, *each.versions] for each in found}
    try:
        with tell_aws_errors():
            troubles = list_metric_troubles(stack, versions)
    except CommandError as error:
        remark(f"CloudWatch was not asked for throttles: {error.reason}")
        return found
    return [replace(each, others=(*each.others, *troubles[each.endpoint])) for each in found]

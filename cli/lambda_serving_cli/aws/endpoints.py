"""The endpoints of a stack, as they tell of themselves."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lambda_serving_cli.aws.authorization import Access, TokenError
from lambda_serving_cli.aws.deployed import Reply, ask_http, ask_metadata
from lambda_serving_cli.aws.stack import DeployedStack
from lambda_serving_cli.terminal.errors import CommandError

THREADS = 8


@dataclass(frozen=True)
class DeployedEndpoint:
    """An endpoint as it is deployed. `health` is "ready", or why it is not."""

    endpoint: str
    function: str
    health: str
    metadata: Mapping[str, Any]

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
        }


def list_deployed(stack: DeployedStack, token: str | None = None) -> list[DeployedEndpoint]:
    """Ask every endpoint of a stack how it is."""
    access = stack.find_access(token)
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda name: look(stack, access, name), sorted(stack.functions)))


def look(stack: DeployedStack, access: Access, endpoint: str) -> DeployedEndpoint:
    """Ask one; by HTTP, or by an invoke where the HTTP API lets nobody in.

    Raises:
        ClientError, BotoCoreError: Lambda refused, or could not be reached.
    """
    function = stack.functions[endpoint]
    try:
        if stack.api_url is not None:
            with suppress(TokenError):
                ready = ask_http(stack, access, f"{endpoint}/health/ready")
                reply = ask_http(stack, access, endpoint)
                if reply.status not in (401, 403, 404):
                    return _describe(endpoint, function, ready, reply)
        reply = ask_metadata(stack, function)
        return _describe(endpoint, function, reply, reply)
    except CommandError as error:
        return DeployedEndpoint(endpoint, function, error.reason, {})


def _describe(endpoint: str, function: str, ready: Reply, reply: Reply) -> DeployedEndpoint:
    metadata = reply.read()
    is_whole = not reply.is_error and isinstance(metadata, dict)
    failed = next((each for each in (ready, reply) if each.is_error), None)
    health = "ready" if failed is None else failed.describe_error()
    return DeployedEndpoint(endpoint, function, health, metadata if is_whole else {})

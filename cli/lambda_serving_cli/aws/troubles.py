"""What is wrong with a deployed endpoint, as its answers, Lambda and CloudWatch tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lambda_serving_cli.aws.deployed import Reply
from lambda_serving_cli.aws.metrics import count_taken_out, count_throttles, read_counts
from lambda_serving_cli.aws.stack import DeployedStack

NO_ANSWER, THROTTLED, NO_MODEL = "no answer", "throttled", "no model"
FAILS, BROKEN, TAKEN_OUT, NOT_ACTIVE = "fails", "broken", "taken out", "not active"

OF_MODELS = ("ModelFetchError", "ModelVerificationError")
"""Errors of a version whose model is not there, or is another one."""


class Trouble(NamedTuple):
    """A kind of trouble, the version that has it or "", and why."""

    kind: str
    version: str
    why: str

    @property
    def label(self) -> str:
        return f"{self.kind}: {self.version}" if self.version else self.kind


def list_reply_troubles(reply: Reply) -> Iterator[Trouble]:
    """Of an answer that is an error."""
    if not reply.is_error:
        return
    about = reply.read()
    name = about.get("type") if isinstance(about, dict) else None
    kind = NO_MODEL if name in OF_MODELS else FAILS if name else NO_ANSWER
    yield Trouble(THROTTLED if reply.status == 429 else kind, "", reply.describe_error())


def list_function_troubles(functions: Any, function: str) -> Iterator[Trouble]:
    """Of what Lambda tells of a function; nothing where it may not be asked."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        told = functions.get_function(FunctionName=function)
    except (BotoCoreError, ClientError):
        return
    about = told.get("Configuration", {})
    if about.get("State") in ("Failed", "Pending"):
        yield Trouble(NOT_ACTIVE, "", f"{about['State']}: {about.get('StateReason', '')}")
    if about.get("LastUpdateStatus") == "Failed":
        why = about.get("LastUpdateStatusReason", "")
        yield Trouble(NOT_ACTIVE, "", f"the last update failed: {why}")
    if told.get("Concurrency", {}).get("ReservedConcurrentExecutions") == 0:
        yield Trouble(THROTTLED, "", "its reserved concurrency is 0: it takes no request")


def list_metric_troubles(
    stack: DeployedStack, versions: Mapping[str, list[str]]
) -> dict[str, list[Trouble]]:
    """Endpoint -> troubles of the last hour, in any environment; `versions` are by endpoint.

    Raises:
        ClientError, BotoCoreError: CloudWatch refuses, or cannot be reached.
    """
    throttles = {count_throttles(stack.functions[name]): name for name in versions}
    outs = {
        count_taken_out(stack, name, version): (name, version)
        for name, known in versions.items()
        for version in known
    }
    counts = read_counts(stack, [*throttles, *outs])
    found: dict[str, list[Trouble]] = {name: [] for name in versions}
    for count, name in throttles.items():
        if count in counts:
            why = f"{counts[count]} requests in the last hour"
            found[name].append(Trouble(THROTTLED, "", why))
    for count, (name, version) in outs.items():
        if count in counts:
            why = f"in {counts[count]} environments in the last hour"
            found[name].append(Trouble(TAKEN_OUT, version, why))
    return found

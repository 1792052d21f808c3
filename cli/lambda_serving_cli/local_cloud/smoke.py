"""The samples of every endpoint, sent through HTTP and by direct invoke."""

import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambda_serving_cli.aws.authorization import Access
from lambda_serving_cli.aws.local_stack import LocalStack
from lambda_serving_cli.local_cloud.layout import Layout
from lambda_serving_cli.local_cloud.tracebacks import find_traceback
from lambda_serving_cli.project.samples import make_payload, read_samples
from lambda_serving_cli.terminal.errors import CommandError

SHOWN = 160
"""Characters of a request or an answer that are shown."""

REQUEST_SECONDS = 60
NO_MODEL = b'"type":"ModelFetchError"'
"""In the answer of an endpoint whose model is not in the bucket."""


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as a person reads them."""

    request: str
    body: str
    answer: str
    milliseconds: int
    is_without_model: bool = False
    """Whether the endpoint's model is not in the bucket yet."""


@dataclass(frozen=True)
class Failure:
    """An endpoint that does not answer as it should: why, and the traceback in its log, or ""."""

    endpoint: str
    reason: str
    traceback: str

    def describe(self, options: str) -> str:
        """All of it, and the command that shows more, by which `options`."""
        lines = [f"{self.endpoint}: {self.reason}"]
        lines += [f"  | {line}" for line in self.traceback.splitlines()]
        lines.append(f"  `lambda-serving logs {self.endpoint} --errors{options}` shows more")
        return "\n".join(lines)


def try_endpoints(
    root: Path, stack: LocalStack, access: Access, endpoints: Collection[str]
) -> tuple[dict[str, list[Exchange]], list[Failure]]:
    """Send endpoints their sample requests, all of them: what came back, and what failed."""
    exchanges, failures = {}, []
    for endpoint in endpoints:
        started = time.time()
        try:
            exchanges[endpoint] = try_endpoint(root, stack, access, endpoint)
        except CommandError as error:
            traceback = find_traceback(stack.functions[endpoint], started)
            failures.append(Failure(endpoint, error.reason, traceback))
    return exchanges, failures


def report_failures(layout: Layout, failures: list[Failure], tried: int) -> CommandError:
    """The error that ends a command whose endpoints do not all answer."""
    is_default = layout.state == layout.root / ".local"
    options = "" if is_default else f" --state {shlex.quote(str(layout.state))}"
    told = "\n\n".join(failure.describe(options) for failure in failures)
    return CommandError(
        f"{len(failures)} of {tried} endpoints that were tried failed\n\n{told}\n",
        advice="look into functions/ and the samples, then `make up` again: it tries what failed",
    )


def try_endpoint(root: Path, stack: LocalStack, access: Access, endpoint: str) -> list[Exchange]:
    """Send the endpoint its samples.

    One without a sample is asked whether it is ready, which loads its model as well. It may have
    none yet: that is told, and is no failure.

    Raises:
        CommandError: an answer is no success.
    """
    url = f"{stack.api_url}/serve/{endpoint}"
    samples = read_samples(root / "functions" / endpoint)
    if not samples:
        return [send_http(access, f"{url}/health/ready", accepted=NO_MODEL)]
    exchanges: list[Exchange] = []
    for each in samples:
        headers = {"content-type": each.content_type}
        sent = send_http(access, url, "POST", each.content, headers, accepted=NO_MODEL)
        exchanges.append(sent)
        if not sent.is_without_model:
            exchanges.append(send_invoke(stack.functions[endpoint], make_payload(each)))
    return exchanges


def send_http(
    access: Access,
    url: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    accepted: bytes | None = None,
) -> Exchange:
    """Send a request. Raises CommandError unless the answer is 2xx, or holds what is `accepted`."""
    known = dict(headers or {})
    known |= access.authorize(method, url, body, known)
    request = urllib.request.Request(url, body or None, known, method=method)
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    except OSError as error:
        raise CommandError(f"{method} {url}: {error}") from error
    took = round((time.monotonic() - started) * 1000)
    if status >= 300 and (accepted is None or accepted not in content):
        raise CommandError(f"{method} {url} answered {status}: {shorten(content)}")
    answer = f"{status} {shorten(content)}"
    return Exchange(f"{method} {url}", shorten(body), answer, took, status >= 300)


def send_invoke(function: str, payload: bytes) -> Exchange:
    """Invoke the function with the payload. Raises CommandError where the function failed."""
    import boto3

    started = time.monotonic()
    answer = boto3.client("lambda").invoke(FunctionName=function, Qualifier="live", Payload=payload)
    content = answer["Payload"].read()
    took = round((time.monotonic() - started) * 1000)
    if answer.get("FunctionError"):
        raise CommandError(f"invoke of {function} failed: {shorten(content)}")
    return Exchange(f"invoke {function}:live", shorten(payload), shorten(content), took)


def shorten(content: bytes) -> str:
    """Show some bytes on one line: text as it is, anything else by its size."""
    try:
        text = " ".join(content.decode().split())
    except UnicodeDecodeError:
        return f"<{len(content)} bytes>"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(content)} bytes)"

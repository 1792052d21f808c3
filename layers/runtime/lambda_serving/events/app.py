"""The HTTP routes of an endpoint, as a small ASGI application.

It uses no framework. At cold start, Starlette would take about as long as importing NumPy does,
and FastAPI three times as long (docs/decisions/0005-thin-app.md).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from lambda_serving.environment.environment import Environment
from lambda_serving.errors import MethodNotAllowedError, UnknownPathError, report_error
from lambda_serving.messages.asgi import (
    Messages,
    Receive,
    Scope,
    Send,
    find_deadline,
    find_request_id,
    make_messages,
    read_body,
)
from lambda_serving.messages.encoding import decode_body
from lambda_serving.messages.request import Request
from lambda_serving.messages.request_metrics import RequestMetrics
from lambda_serving.messages.responses import (
    Answer,
    answer_error,
    answer_json,
    collect_messages,
    name_error,
    name_version,
    read_result,
)
from lambda_serving.user_values import read_attribute, read_status

ROUTES = (
    "POST /serve/{endpoint}",
    "POST /serve/{endpoint}/{version}",
    "GET /serve/{endpoint}",
    "GET /serve/{endpoint}/health/live",
    "GET /serve/{endpoint}/health/ready",
    "GET /serve/{endpoint}/docs",
    "GET /serve/{endpoint}/openapi.json",
)


class Target(NamedTuple):
    """A path, parsed: the endpoint, and the segments after it."""

    endpoint: str
    rest: tuple[str, ...]


@lru_cache(maxsize=128)
def parse_path(path: str) -> Target:
    """Split ``[/stage]/serve/{endpoint}[/rest]``, with or without a trailing slash.

    Raises:
        UnknownPathError: no such route; names the routes there are.
    """
    parts = [part for part in path.split("/") if part]
    if "serve" in parts:
        # A stage or a custom domain's base path may stand before /serve.
        endpoint, *rest = parts[parts.index("serve") + 1 :] or [""]
        if endpoint:
            return Target(endpoint, tuple(rest))
    raise _refuse_path(path)


def _refuse_path(path: str) -> UnknownPathError:
    return UnknownPathError(f"no route {path!r}; there are {', '.join(ROUTES)}")


class App:
    """ASGI application of one environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._views: dict[tuple[str, ...], Callable[[Scope], Answer]] = {
            (): lambda _: answer_json(environment.versions.describe()),
            ("health", "live"): lambda _: answer_json({"status": "live"}),
            ("health", "ready"): self._check_ready,
            ("docs",): self._show_docs,
            ("openapi.json",): self._show_openapi,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = find_request_id(scope)
        try:
            answer = await self._route(scope, receive, request_id)
        except Exception as error:  # noqa: BLE001  (the edge: logged, and answered by the table)
            answer = answer_error(report_error(error, request_id), request_id)
        messages = make_messages(answer, request_id) if isinstance(answer, Answer) else answer
        for message in messages:
            await send(message)

    async def _route(self, scope: Scope, receive: Receive, request_id: str) -> Answer | Messages:
        """An answer; or the messages of a user's own response that are not sent yet."""
        target = parse_path(scope["path"])
        method = scope["method"]
        view = self._views.get(target.rest)
        # A segment that is no view is a version. The endpoint's own path is both.
        is_served = not target.rest or (view is None and len(target.rest) == 1)
        if method == "POST" and is_served:
            return await self._serve(target, scope, receive, request_id)
        if not target.rest or target.rest[0] != "health":
            self._environment.check_name(target.endpoint)
        if method in ("GET", "HEAD") and view is not None:
            return await self.show(lambda: view(scope))
        if view is None and not is_served:
            raise _refuse_path(scope["path"])
        raise refuse_method(method, ["GET"] * (view is not None) + ["POST"] * is_served)

    async def _serve(
        self, target: Target, scope: Scope, receive: Receive, request_id: str
    ) -> Answer | Messages:
        environment = self._environment
        with environment.measure_request(request_id) as metrics:
            environment.check_name(target.endpoint)
            version = target.rest[0] if target.rest else None
            environment.versions.check(version)
            environment.versions.expect(metrics, version)
            headers = dict(scope["headers"])
            body = await self._read_body(headers, receive)
            deadline = find_deadline(scope)
            request = Request(
                body, request_id, version, deadline=deadline, headers=headers, metrics=metrics
            )
            answer = make_answer(await self.serve(request), metrics)
            if isinstance(answer, Answer):
                return answer
            start, body = await self.play(answer, scope, receive)
            return [name_version(start, metrics.version), body]

    async def serve(self, request: Request) -> Any:
        """Return a request's result. The dev server runs this and ``show`` in threads."""
        return self._environment.serve(request)

    async def play(self, response: Any, scope: Scope, receive: Receive) -> Messages:
        """Collect the two messages of a user's response.

        Lambda sends an answer as a whole. So a response that fails midway still gets an error
        answer.
        """
        return await collect_messages(response, scope, receive)

    async def show(self, view: Callable[[], Answer]) -> Answer:
        """Answer a GET request. Some views load the endpoint."""
        return view()

    async def _read_body(
        self, headers: dict[bytes, bytes], receive: Receive
    ) -> dict[str, Any] | bytes:
        runtime = self._environment.runtime
        limit = runtime.max_body_bytes
        return decode_body(
            await read_body(receive, limit),
            headers.get(b"content-type", b"").decode("latin-1"),
            headers.get(b"content-encoding", b"").decode("latin-1"),
            limit,
            runtime,
        )

    def _check_ready(self, scope: Scope) -> Answer:
        """Answer 200 once the default version is loaded; a LoadError is 503 and the reason."""
        self._environment.versions.get()
        return answer_json({"status": "ready"})

    def _show_docs(self, scope: Scope) -> Answer:
        from lambda_serving.events.openapi import render_page

        return Answer(200, "text/html; charset=utf-8", render_page(self._environment.settings))

    def _show_openapi(self, scope: Scope) -> Answer:
        from lambda_serving.events.openapi import add_security, describe_api, read_examples

        environment = self._environment
        document = describe_api(environment.settings, read_examples(environment.runtime))
        return answer_json(add_security(document, scope.get("aws.event", {})))


def make_answer(result: Any, metrics: RequestMetrics) -> Any:
    """Encode a result: an ``Answer``, or the user's own response.

    A result with an error's status is recorded as an error.
    """
    answer = read_result(result, metrics.version)
    code = answer.status if type(answer) is Answer else read_attribute(answer, "status_code")
    status = code if type(code) is int else read_status(code, 400)
    if status is not None and status >= 400:
        metrics.record_error(name_error(result), status)
    return answer


def refuse_method(method: str, allowed: list[str]) -> MethodNotAllowedError:
    error = MethodNotAllowedError(f"expected {' or '.join(allowed)}, got {method}")
    error.headers["allow"] = ", ".join(allowed)
    return error

"""The ASGI application over all endpoints of a folder, which their workers serve."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from lambda_serving.errors import InternalError, ServingError, UnknownEndpointError, report_error
from lambda_serving.events.app import parse_path, refuse_method
from lambda_serving.messages.asgi import (
    Messages,
    Receive,
    Scope,
    Send,
    find_request_id,
    make_messages,
)
from lambda_serving.messages.responses import Answer, answer_error, answer_json
from lambda_serving_cli.dev_server.fleet import Fleet, Places
from lambda_serving_cli.dev_server.link import LinkLostError
from lambda_serving_cli.dev_server.record_line import write_line
from lambda_serving_cli.dev_server.watch import watch
from lambda_serving_cli.dev_server.worker import WorkerOptions, refuse
from lambda_serving_cli.terminal.controls import escape_line

logger = logging.getLogger("lambda_serving")

PASSED_ON = (
    *("type", "http_version", "server", "client", "scheme", "method", "root_path"),
    *("path", "raw_path", "query_string", "headers"),
)
"""What an endpoint gets of a scope. The rest is uvicorn's own."""


@dataclass(frozen=True)
class Options:
    """What the command was told."""

    places: Places
    worker: WorkerOptions
    url: str
    reload: bool
    models: Path | None
    """The folder of the models, if it is one."""


class DevServer:
    """Passes each request to its endpoint; ``GET /`` lists them."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._fleet = Fleet(options.places, options.worker, take_note)
        self._numbers = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start the endpoints, follow what is saved, and end them."""
        await receive()
        self._announce()
        options = self._options
        tasks = [asyncio.ensure_future(self._fleet.start())]
        if options.reload:
            tasks.append(
                asyncio.ensure_future(watch(self._fleet, options.places.functions, options.models))
            )
        for task in tasks:
            task.add_done_callback(tell_failure)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._fleet.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _announce(self) -> None:
        functions = self._options.places.functions
        if not self._fleet.endpoints:
            logger.warning(
                "no endpoints in %s yet: make a folder there with endpoint.toml and preprocess.py",
                functions,
            )
        for name in self._fleet.endpoints:
            logger.info("%s: %s/serve/%s", name, self._options.url, name)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not any(key == b"x-request-id" for key, _ in scope["headers"]):
            new = (b"x-request-id", str(uuid.uuid4()).encode())
            scope = scope | {"headers": [*scope["headers"], new]}
        request_id = find_request_id(scope)
        started = time.monotonic()
        try:
            messages = await self._answer(scope, receive, request_id)
        except asyncio.CancelledError:  # the server ends, and no longer waits for this
            messages = refuse(scope)
        took = (time.monotonic() - started) * 1000
        line = "%s %s -> %d in %.1f ms (request %s)"
        path = escape_line(scope["path"])
        logger.info(line, scope["method"], path, messages[0]["status"], took, request_id)
        for message in messages:
            await send(message)

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> Messages:
        try:
            if scope["path"] != "/":
                return await self._ask(scope, receive)
            if scope["method"] not in ("GET", "HEAD"):
                raise refuse_method(scope["method"], ["GET"])
            answer = await self._list_endpoints()
        except ServingError as error:
            answer = answer_error(report_error(error, request_id), request_id)
        return make_messages(answer, request_id)

    async def _ask(self, scope: Scope, receive: Receive) -> Messages:
        name = parse_path(scope["path"]).endpoint
        if name not in self._fleet.endpoints:
            raise UnknownEndpointError(self._fleet.describe_missing(name))
        told = {key: scope[key] for key in PASSED_ON if key in scope}
        told["headers"] = [tuple(each) for each in scope["headers"]]
        try:
            return await self._fleet.serve(name, next(self._numbers), told, receive)
        except LinkLostError:
            raise InternalError(f"{name}: its process ended before it answered") from None

    async def _list_endpoints(self) -> Answer:
        states = await self._fleet.list_states()
        return answer_json(
            {
                name: {"url": f"/serve/{name}", "docs": f"/serve/{name}/docs", "state": state}
                for name, state in states.items()
            }
        )


def tell_failure(task: asyncio.Task[None]) -> None:
    """Log what ended a task that goes on as long as the server."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s; start the dev server again", error, exc_info=error)


def take_note(kind: str, line: bytes) -> None:
    """What workers tell: records of statistics, as lines."""
    write_line(line)

"""A worker: the process of the endpoints that have the same packages.

It runs in the environment of these packages (``packages``), and imports nothing that the functions
lack but the dev server's own modules. The server tells it what to load and asks it to serve.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Mapping
from copy import replace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_serving.errors import LoadError, ServingError
from lambda_serving.messages.asgi import Messages, Scope, find_request_id, make_messages
from lambda_serving.messages.responses import answer_error
from lambda_serving.settings.runtime import Runtime, read_runtime
from lambda_serving_cli.dev_server.app import DevApp
from lambda_serving_cli.dev_server.calls import ANSWERED, FAILED, LOADING, MISSING
from lambda_serving_cli.dev_server.credentials import SessionCredentials, find_region
from lambda_serving_cli.dev_server.environment import DevEnvironment
from lambda_serving_cli.dev_server.link import Link
from lambda_serving_cli.dev_server.log import set_up_logging
from lambda_serving_cli.dev_server.models import Models, find_models
from lambda_serving_cli.dev_server.record_line import log_record, make_line
from lambda_serving_cli.dev_server.shared_names import isolate_modules

logger = logging.getLogger("lambda_serving")

GRACE_SECONDS = 2.0
"""What requests under way have to end, at a reload or at the end."""

UNLOAD_SECONDS = 2.0
"""What an endpoint has to unload."""


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker is told at its start. With ``as_json`` its records go to the server."""

    models: Models
    as_json: bool


class Endpoint:
    """An endpoint that is served, and the requests under way."""

    def __init__(self, environment: DevEnvironment) -> None:
        self.environment = environment
        self.app = DevApp(environment)
        self.opened = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, request: Coroutine[Any, Any, Any]) -> Any:
        """One request, as soon as the endpoint is open; cut at a reload that it outlasts."""
        await self.opened.wait()
        task = asyncio.ensure_future(request)
        self._tasks.add(task)
        try:
            return await task
        finally:
            self._tasks.discard(task)

    async def close(self, grace: float = GRACE_SECONDS) -> None:
        """Let requests under way end, then unload. ``grace`` is in seconds."""
        await self.opened.wait()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
        end = asyncio.wrap_future(self.environment.start(self.environment.end))
        await asyncio.wait([end], timeout=UNLOAD_SECONDS)
        if end.done() and (error := end.exception()):
            logger.error("%s does not end: %s", self.environment.name, error)


class Worker:
    """Serves endpoints to the server at the other end of a link."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._endpoints: dict[str, Endpoint] = {}
        self._bodies: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._runtime = replace(
            read_runtime(), credentials=SessionCredentials(), isolate_modules=isolate_modules
        )
        self._link: Link

    async def run(self, own: socket.socket) -> None:
        """Serve until the server is gone; then the process ends."""
        reader, writer = await asyncio.open_unix_connection(sock=own)
        self._link = Link(reader, writer, self._answer, self._take)
        await self._link.run()
        os._exit(0)  # threads that user code leaves behind must not keep the process

    async def _answer(self, kind: str, *arguments: Any) -> Any:
        match kind:
            case "load":
                return await self._load(*arguments)
            case "remove":
                return await self._remove(*arguments)
            case "serve":
                return await self._serve(*arguments)
            case "invoke":
                return await self._invoke(*arguments)
            case "states":
                return {n: e.environment.describe_state() for n, e in self._endpoints.items()}
            case _:  # the server has waited for the requests already
                await asyncio.gather(*(each.close(0) for each in self._endpoints.values()))

    def _take(self, kind: str, number: int, message: dict[str, Any]) -> None:
        """A part of a request's body."""
        if number in self._bodies:
            self._bodies[number].put_nowait(message)

    async def _load(self, folder: str) -> None:
        """Serve an endpoint, instead of what was served under its name before."""
        environment = DevEnvironment(
            self._make_runtime(Path(folder)), self._ask, self._write_record
        )
        before = self._endpoints.get(environment.name)
        endpoint = self._endpoints[environment.name] = Endpoint(environment)
        if before is not None:
            await before.close()
        endpoint.opened.set()
        await asyncio.wrap_future(environment.start(load, environment))

    def _make_runtime(self, folder: Path) -> Runtime:
        runtime = replace(self._runtime, task_root=folder)
        place = find_models(self._options.models, folder)
        if place.s3_endpoint is None:
            return replace(runtime, model_bucket=place.bucket, region=find_region())
        return replace(
            runtime,
            model_bucket=place.bucket,
            region=place.region,
            s3_endpoint=place.s3_endpoint,
            credentials=place.credentials,
        )

    async def _remove(self, name: str) -> None:
        """Serve an endpoint no more."""
        if endpoint := self._endpoints.pop(name, None):
            await endpoint.close()

    async def _serve(self, number: int, name: str, scope: Scope) -> Messages:
        """The messages of an answer. The body comes as notes of the same number."""
        body = self._bodies[number] = asyncio.Queue()
        messages: Messages = []

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        endpoint = self._endpoints.get(name)
        try:
            if endpoint is None:  # it moves to another worker
                return refuse(scope)
            await endpoint.run(endpoint.app(scope, body.get, send))
        except asyncio.CancelledError:
            return refuse(scope)
        finally:
            del self._bodies[number]
        return messages

    async def _invoke(
        self, name: str, payload: bytes, seconds: float, loads: tuple[str, ...]
    ) -> tuple[str, bytes]:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            return MISSING, f"there is no {name!r}".encode()
        LOADING.set(loads)

        async def answer() -> Any:
            environment = endpoint.environment
            call = environment.start(environment.answer_invoke, json.loads(payload), seconds)
            return await asyncio.wrap_future(call)

        try:
            return ANSWERED, json.dumps(await endpoint.run(answer())).encode()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (as Lambda gives it)
            failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return FAILED, json.dumps(failure).encode()

    def _ask(self, endpoint: str, payload: bytes, seconds: float, loads: tuple[str, ...]) -> Any:
        """See ``AskOther``: the server knows who serves it."""
        return self._link.ask_from_thread("invoke", endpoint, payload, seconds, loads)

    def _write_record(self, record: Mapping[str, Any]) -> None:
        if self._options.as_json:
            self._link.tell("record", make_line(record))
        else:
            log_record(record)


def refuse(scope: Scope) -> Messages:
    """The answer to a request that a reload, or the end of the server, has cut."""
    error = ServingError("the dev server stops or reloads", stage="serving")
    error.status = 503
    request_id = find_request_id(scope)
    return make_messages(answer_error(error, request_id), request_id)


def load(environment: DevEnvironment) -> None:
    """Load the default version, so that a broken endpoint is told at once."""
    started = time.monotonic()
    try:
        environment.versions.get()
    except LoadError as error:
        private = f" [{error.private}]" if error.private else ""
        line = "%s is not ready: %s%s"
        logger.error(line, environment.name, error.detail, private, exc_info=error)
    else:
        logger.info("%s is ready (%.1f s)", environment.name, time.monotonic() - started)


def main() -> None:
    """Run a worker: its socket's number and its options are on the command line."""
    number, text = sys.argv[1:]
    sys.argv[1:] = []
    set_up_logging()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what user code prints, in its place
    # Ctrl-C is the server's: it ends its workers. Processes that user code starts have their own.
    signal.signal(signal.SIGINT, lambda *_: None)
    told = json.loads(text)
    options = WorkerOptions(Models(**told["models"]), told["as_json"])
    asyncio.run(Worker(options).run(socket.socket(fileno=int(number))))


if __name__ == "__main__":
    main()

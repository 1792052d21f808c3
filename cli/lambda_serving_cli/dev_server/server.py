"""The ASGI application over all endpoints of a folder."""

import asyncio
import io
import json
import logging
import multiprocessing
import os
import sys
import threading
import time
import uuid
from copy import replace
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lambda_serving.errors import LoadError, ServingError, UnknownEndpointError, report_error
from lambda_serving.events.app import App, parse_path, refuse_method
from lambda_serving.messages.asgi import Receive, Scope, Send, find_request_id, send_answer
from lambda_serving.messages.responses import Answer, answer_error, answer_json
from lambda_serving.settings.runtime import read_runtime
from lambda_serving_cli.dev_server.app import DevApp
from lambda_serving_cli.dev_server.credentials import SessionCredentials, find_region
from lambda_serving_cli.dev_server.environment import DevEnvironment
from lambda_serving_cli.dev_server.log import set_up_logging
from lambda_serving_cli.dev_server.record_line import log_record, write_record
from lambda_serving_cli.dev_server.shared_names import isolate_modules
from lambda_serving_cli.loopback.guard import LocalOnly
from lambda_serving_cli.terminal.controls import escape_line

logger = logging.getLogger("lambda_serving")

OPTIONS = "SERVING_DEV_SERVER"
"""Environment variable that carries the options through a reload."""

UNLOAD_SECONDS = 2.0
"""What the endpoints have to unload, and then user threads to end."""


@dataclass(frozen=True)
class Options:
    """What the command was told: ``models`` is a bucket's name or a file:// URL.

    With ``as_json``, standard output is for records of statistics alone.
    """

    functions: str
    models: str
    url: str
    as_json: bool


class DevServer:
    """Passes each request to its endpoint; ``GET /`` lists them."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._environments: dict[str, DevEnvironment] = {}
        runtime = replace(
            read_runtime(),
            model_bucket=options.models,
            credentials=SessionCredentials(),
            region=find_region(),
        )
        tell = write_record if options.as_json else log_record
        for folder in find_folders(Path(options.functions)):
            own = replace(runtime, task_root=folder, isolate_modules=isolate_modules)
            self._environments[folder.name] = DevEnvironment(own, self._environments, tell)
        self._apps = {name: DevApp(each) for name, each in self._environments.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Load everything at the start, so that a broken endpoint is told at once."""
        await receive()
        self._announce()
        for environment in self._environments.values():
            environment.start(self._load, environment)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        closing = [
            asyncio.wrap_future(environment.start(environment.environment.close))
            for environment in self._environments.values()
        ]
        if closing:
            await asyncio.wait(closing, timeout=UNLOAD_SECONDS)
        # A thread that user code leaves behind must not keep the process.
        end = threading.Timer(UNLOAD_SECONDS, os._exit, [0])
        end.daemon = True
        end.start()
        await send({"type": "lifespan.shutdown.complete"})

    def _announce(self) -> None:
        if not self._apps:
            logger.warning(
                "no endpoints in %s yet: make a folder there with endpoint.toml and preprocess.py",
                self._options.functions,
            )
        for name in self._apps:
            logger.info("%s: %s/serve/%s", name, self._options.url, name)

    def _load(self, environment: DevEnvironment) -> None:
        started = time.monotonic()
        try:
            environment.versions.get()
        except LoadError as error:
            private = f" [{error.private}]" if error.private else ""
            line = "%s is not ready: %s%s"
            logger.error(line, environment.name, error.detail, private, exc_info=error)
        else:
            logger.info("%s is ready (%.1f s)", environment.name, time.monotonic() - started)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not any(key == b"x-request-id" for key, _ in scope["headers"]):
            new = (b"x-request-id", str(uuid.uuid4()).encode())
            scope = scope | {"headers": [*scope["headers"], new]}
        request_id = find_request_id(scope)
        started = time.monotonic()
        status = 0

        async def send_logged(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                took = (time.monotonic() - started) * 1000
                line = "%s %s -> %d in %.1f ms (request %s)"
                path = escape_line(scope["path"])
                logger.info(line, scope["method"], path, status, took, request_id)
            await send(message)

        try:
            await self._answer(scope, receive, send_logged, request_id)
        except asyncio.CancelledError:  # the server ends, and no longer waits for this
            if not status:
                error = ServingError("the dev server stops or reloads", stage="serving")
                error.status = 503
                await send_answer(answer_error(error, request_id), request_id, send_logged)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        try:
            if scope["path"] == "/":
                if scope["method"] not in ("GET", "HEAD"):
                    raise refuse_method(scope["method"], ["GET"])
                answer = self._list_endpoints()
            else:
                app = self._find_app(parse_path(scope["path"]).endpoint)
                await app(scope, receive, send)
                return
        except ServingError as error:
            answer = answer_error(report_error(error, request_id), request_id)
        await send_answer(answer, request_id, send)

    def _list_endpoints(self) -> Answer:
        return answer_json(
            {
                name: {
                    "url": f"/serve/{name}",
                    "docs": f"/serve/{name}/docs",
                    "state": environment.describe_state(),
                }
                for name, environment in self._environments.items()
            }
        )

    def _find_app(self, endpoint: str) -> App:
        if endpoint not in self._apps:
            known = ", ".join(self._apps) or "none"
            raise UnknownEndpointError(f"there is no endpoint {endpoint!r}; there are {known}")
        return self._apps[endpoint]


def find_folders(functions: Path) -> list[Path]:
    """The folders of endpoints, those that only miss their endpoint.toml included."""
    parts = ("endpoint.toml", "preprocess.py", "preprocess")
    return sorted(
        folder
        for folder in functions.iterdir()
        if folder.is_dir() and any((folder / part).exists() for part in parts)
    )


def make_server() -> LocalOnly:
    """For uvicorn, which starts a process for this anew after each change."""
    set_up_logging()
    options = Options(**json.loads(os.environ[OPTIONS]))
    if options.as_json:
        sys.stdout = sys.stderr  # what user code prints is no record
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what user code prints, in its place
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    host = urlsplit(options.url).hostname or ""
    return LocalOnly(DevServer(options), host, has_pages=True)


def end_with(parent: Any) -> None:
    """End when the process that watches the files is gone, however it went."""
    parent.join()
    os._exit(1)


def keep_options(options: Options) -> None:
    """Leave the options where ``make_server`` finds them."""
    os.environ[OPTIONS] = json.dumps(asdict(options))

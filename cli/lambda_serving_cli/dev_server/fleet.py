"""The endpoints of the dev server: which worker serves which, and what a save changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_serving.errors import SettingsError
from lambda_serving.messages.asgi import Messages, Receive, Scope
from lambda_serving_cli.dev_server.calls import FAILED, MISSING
from lambda_serving_cli.dev_server.link import Link, LinkLostError, begin
from lambda_serving_cli.dev_server.packages import Environments, find_packages, read_project
from lambda_serving_cli.dev_server.worker import WorkerOptions
from lambda_serving_cli.dev_server.worker_process import WorkerProcess
from lambda_serving_cli.terminal.errors import CommandError

logger = logging.getLogger("lambda_serving")

STATE_SECONDS = 2.0
"""What a worker has to tell the states of its endpoints."""

PARTS = ("endpoint.toml", "preprocess.py", "preprocess")
"""A folder with one of these is an endpoint, though it may miss another."""


class Endpoint:
    """An endpoint, and its worker as soon as its packages are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ""
        self.worker: WorkerProcess | None = None
        self.problem = ""
        """Why it has no worker."""
        self.is_settled = asyncio.Event()
        """It has a worker or a problem."""
        self.changing = asyncio.Lock()


@dataclass(frozen=True)
class Places:
    """The project, the folder of its endpoints, and the endpoints to serve; none means all."""

    root: Path
    functions: Path
    names: Collection[str] = ()


class Fleet:
    """All endpoints, their workers, and the calls between them."""

    def __init__(self, places: Places, options: WorkerOptions, note: Any) -> None:
        """``note`` gets what workers tell."""
        self._places = places
        self._options = options
        self._note = note
        self._environments = Environments(places.root / ".local" / "environments")
        self._workers: dict[str, WorkerProcess] = {}
        self._making: dict[str, asyncio.Lock] = {}
        self._template = places.root / "template.yaml"
        self._stamp = self._read_stamp()
        self._project = read_project(places.root)
        self.endpoints = {
            folder.name: Endpoint(folder) for folder in find_folders(places.functions, places.names)
        }

    async def start(self) -> None:
        """Load everything at once, so that a broken endpoint is told before it is asked."""
        await asyncio.gather(*map(self.load, list(self.endpoints.values())))
        await asyncio.to_thread(self._environments.remove_unused)

    async def load(self, endpoint: Endpoint) -> None:
        """Load an endpoint, or load it anew; where its packages changed, in another worker."""
        async with endpoint.changing:
            try:
                key, worker = await self._find_worker(endpoint)
            except (CommandError, OSError) as error:
                logger.error("%s is not ready: %s", endpoint.folder.name, error)
                reason = error.reason if isinstance(error, CommandError) else str(error)
                key, worker, endpoint.problem = "", None, reason
            before, endpoint.key, endpoint.worker = endpoint.worker, key, worker
            endpoint.is_settled.set()
            if before is not None and before is not worker:
                await self._remove(before, endpoint.folder.name)
        if worker is not None:
            await worker.load(endpoint.folder)

    async def _find_worker(self, endpoint: Endpoint) -> tuple[str, WorkerProcess]:
        packages = find_packages(self._places.root, self._project, endpoint.folder)
        key = packages.key
        async with self._making.setdefault(key, asyncio.Lock()):
            if key not in self._workers:
                if not self._environments.has(packages):
                    logger.info("%s: installing its packages", endpoint.folder.name)
                folder = await asyncio.to_thread(self._environments.make, packages)
                self._workers[key] = WorkerProcess(folder, self._options, self._call, self._note)
        return key, self._workers[key]

    async def _remove(self, worker: WorkerProcess, name: str) -> None:
        await worker.remove(name)
        if not any(each.worker is worker for each in self.endpoints.values()):
            self._workers = {key: each for key, each in self._workers.items() if each != worker}
            await worker.close()

    async def change(self, names: Collection[str]) -> None:
        """Files of these endpoints were saved, some of which may be new or gone."""
        if (stamp := self._read_stamp()) != self._stamp:
            self._stamp, self._project = stamp, read_project(self._places.root)
            names = {*names, *self._list_moved()}
        if not names:
            return
        places = self._places
        there = {path.name: path for path in find_folders(places.functions, places.names)}
        changed = []
        for name in names:
            if name in there:
                changed.append(self.endpoints.setdefault(name, Endpoint(there[name])))
            elif endpoint := self.endpoints.pop(name, None):
                logger.info("%s is gone", name)
                if endpoint.worker is not None:
                    await self._remove(endpoint.worker, name)
        self.endpoints = dict(sorted(self.endpoints.items()))
        await asyncio.gather(*map(self.load, changed))

    def _read_stamp(self) -> float:
        try:
            return self._template.stat().st_mtime
        except OSError:
            return 0.0

    def _list_moved(self) -> list[str]:
        """Endpoints that the template gives other layers."""
        root = self._places.root
        return [
            name
            for name, each in self.endpoints.items()
            if find_packages(root, self._project, each.folder).key != each.key
        ]

    async def find_waiting(self) -> list[str]:
        """Endpoints that are not ready, which a new model may help."""
        return [name for name, state in (await self.list_states()).items() if state != "ready"]

    async def serve(self, name: str, number: int, scope: Scope, receive: Receive) -> Messages:
        """The messages of an endpoint's answer.

        Raises:
            SettingsError: its packages cannot be installed.
            LinkLostError: its process ended.
        """
        endpoint = self.endpoints[name]
        await endpoint.is_settled.wait()
        worker = endpoint.worker
        if worker is None:
            raise SettingsError(f"{name}: its packages cannot be installed: {endpoint.problem}")
        link = await worker.connect()
        # Both begin at once: the request goes before its body, of which nothing may be lost.
        answer = begin(link.ask("serve", number, name, scope))
        sending = begin(pass_on(link, number, receive))
        try:
            messages: Messages = await answer
            return messages
        finally:
            sending.cancel()

    async def _call(
        self, kind: str, name: str, payload: bytes, seconds: float, loads: tuple[str, ...]
    ) -> tuple[str, bytes]:
        """A call of one endpoint to another."""
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            return MISSING, self.describe_missing(name).encode()
        await endpoint.is_settled.wait()
        if endpoint.worker is None:
            return FAILED, b'{"errorType": "SettingsError", "errorMessage": "it has no packages"}'
        try:
            found: tuple[str, bytes] = await endpoint.worker.ask(
                kind, name, payload, seconds, loads
            )
        except LinkLostError:
            return FAILED, b'{"errorType": "Runtime.ExitError", "errorMessage": "it ended"}'
        return found

    def describe_missing(self, name: str) -> str:
        """What there is instead of an endpoint that is not served."""
        known = ", ".join(self.endpoints) or "none"
        is_there = any(path.name == name for path in find_folders(self._places.functions))
        more = f"; {name} is not served: `lambda-serving dev` without names serves all" * is_there
        return f"there is no endpoint {name!r}; there are {known}{more}"

    async def list_states(self) -> dict[str, str]:
        """Endpoint -> ``ready``, ``loading``, or what is wrong."""
        workers = list(self._workers.values())
        told = await asyncio.gather(*map(_ask_states, workers))
        states = {name: state for each in told for name, state in each.items()}
        return {
            name: states.get(name) or endpoint.problem or "loading"
            for name, endpoint in self.endpoints.items()
        }

    async def close(self) -> None:
        """End every worker."""
        await asyncio.gather(*(worker.close() for worker in self._workers.values()))


async def _ask_states(worker: WorkerProcess) -> dict[str, str]:
    try:
        states: dict[str, str] = await asyncio.wait_for(worker.ask("states"), STATE_SECONDS)
    except (LinkLostError, TimeoutError):
        return {}
    return states


async def pass_on(link: Link, number: int, receive: Receive) -> None:
    """Pass a request's body on as it comes."""
    goes_on = True
    while goes_on:
        message = await receive()
        link.tell("body", number, message)
        goes_on = message["type"] == "http.request" and message.get("more_body", False)


def find_folders(functions: Path, names: Collection[str] = ()) -> list[Path]:
    """The folders of endpoints, those that only miss their endpoint.toml included."""
    return sorted(
        folder
        for folder in functions.iterdir()
        if folder.is_dir()
        and (not names or folder.name in names)
        and any((folder / part).exists() for part in PARTS)
    )

"""A worker as the server sees it: a process that is started, asked and ended."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lambda_serving_cli
from lambda_serving_cli.dev_server.link import Link, LinkLostError, begin
from lambda_serving_cli.dev_server.packages import list_library_folders, name_python
from lambda_serving_cli.dev_server.worker import UNLOAD_SECONDS, WorkerOptions

logger = logging.getLogger("lambda_serving")

START = """import sys
sys.path.append({!r})
from lambda_serving_cli.dev_server.worker import main
main()"""
"""What a worker runs. Its environment has the runtime, and not the command line."""

CLOSE_SECONDS = 3 * UNLOAD_SECONDS
"""What a worker has to unload its endpoints and end."""


class WorkerProcess:
    """The process of the endpoints with the same packages, started when it is first needed."""

    def __init__(
        self,
        environment: Path | None,
        options: WorkerOptions,
        answer: Callable[..., Awaitable[Any]],
        note: Callable[..., None],
    ) -> None:
        """``environment`` is the folder of its packages; None is the environment of this process.

        ``answer`` and ``note`` get what its endpoints ask and tell.
        """
        self._environment = environment
        self._options = options
        self._answer = answer
        self._note = note
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link | None = None
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self.folders: dict[str, Path] = {}
        """The endpoints that it serves, and their folders."""

    async def load(self, folder: Path) -> None:
        """Serve the endpoint in a folder, anew where it is served already."""
        async with self._starting:
            self.folders[folder.name] = folder
            if self._link is None:
                await self._start()  # loads all that it had
                return
        await self._load(self._link, folder)

    async def remove(self, name: str) -> None:
        """Serve an endpoint no more."""
        self.folders.pop(name, None)
        if self._link is not None:
            with suppress(LinkLostError):
                await self._link.ask("remove", name)

    async def ask(self, kind: str, *arguments: Any) -> Any:
        """Ask the process.

        Raises:
            LinkLostError: it ended before it answered.
        """
        return await (await self.connect()).ask(kind, *arguments)

    async def connect(self) -> Link:
        """The link to the process, which is started anew where it has ended."""
        async with self._starting:
            if self._link is None:
                return await self._start()
            return self._link

    async def close(self) -> None:
        """Let the endpoints unload, and end the process."""
        self._is_closing = True
        link, process = self._link, self._process
        if link is None or process is None:
            return
        with suppress(LinkLostError, TimeoutError):
            await asyncio.wait_for(link.ask("close"), CLOSE_SECONDS)
        link.lose()
        try:
            await asyncio.wait_for(process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            process.kill()

    async def _start(self) -> Link:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *self._make_command(theirs.fileno()),
                env=self._make_variables(),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr if self._options.as_json else None,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        self._link = link = Link(reader, writer, self._answer, self._note)
        self._begin(link.run())
        self._begin(self._watch(self._process, link))
        for folder in self.folders.values():
            self._begin(self._load(link, folder))
        return link

    def _make_command(self, number: int) -> list[str]:
        python = name_python(self._environment) if self._environment else Path(sys.executable)
        start = START.format(str(Path(lambda_serving_cli.__file__).parents[1]))
        return [str(python), "-P", "-c", start, str(number), json.dumps(asdict(self._options))]

    def _make_variables(self) -> dict[str, str]:
        variables = dict(os.environ)
        if self._environment is not None:
            variables.pop("PYTHONPATH", None)
            variables["VIRTUAL_ENV"] = str(self._environment)
            places = list_library_folders(self._environment, self.folders.values())
            before = variables.get("LD_LIBRARY_PATH", "").split(os.pathsep)
            variables["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [*places, *before]))
        return variables

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = begin(work)  # at once: what is loaded is told before anybody asks for it
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, link: Link, folder: Path) -> None:
        with suppress(LinkLostError):  # which is told where the process ends
            await link.ask("load", str(folder))

    async def _watch(self, process: asyncio.subprocess.Process, link: Link) -> None:
        code = await process.wait()
        link.lose()
        if self._link is link:
            self._link = None
        if not self._is_closing:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with the exit code {code}"
            line = "the process of %s ended %s: the next request starts it again"
            logger.error(line, ", ".join(self.folders), how)

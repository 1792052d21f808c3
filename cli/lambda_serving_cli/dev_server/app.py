"""The serving routes of one endpoint, on a server that many share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from lambda_serving.app import App, Receive, Scope, Send
from lambda_serving.execution import get_event_loop, run_without_loop
from lambda_serving.request import Request
from lambda_serving.responses import Answer, is_response
from lambda_serving_cli.dev_server.environment import DevEnvironment


class ResponseElsewhere:
    """A user's response, run where its class runs; what it sends goes out here."""

    def __init__(self, response: Any, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self.status_code, self.raw_headers = response.status_code, response.raw_headers
        self._response = response
        self._loop = loop
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = asyncio.get_running_loop()

        def bring(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
            async def call(*message: Any) -> Any:
                called = asyncio.run_coroutine_threadsafe(function(*message), here)
                return await asyncio.wrap_future(called)

            return call

        sent = self._response(scope, bring(receive), bring(send))
        done = self._context.run(asyncio.run_coroutine_threadsafe, sent, self._loop)
        await asyncio.wrap_future(done)


class DevApp(App):
    """Waits for what runs in the threads and on the loop of its endpoint."""

    def __init__(self, environment: DevEnvironment) -> None:
        super().__init__(environment)
        self._start = environment.start

    async def serve(self, request: Request) -> Any:
        """In a thread of its own; what is asynchronous in there runs on the endpoint's loop."""

        def serve() -> Any:
            result = run_without_loop(self._environment.serve(request))
            if is_response(result):
                return ResponseElsewhere(result, get_event_loop(), copy_context())
            return result

        return await asyncio.wrap_future(self._start(serve))

    async def show(self, view: Callable[[], Answer]) -> Answer:
        return await asyncio.wrap_future(self._start(view))

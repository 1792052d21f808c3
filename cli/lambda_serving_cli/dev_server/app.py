"""The serving routes of one endpoint, on a server that many share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from contextvars import Context, copy_context
from typing import Any

from lambda_serving.app import App
from lambda_serving.asgi import Messages, Receive, Scope, Send
from lambda_serving.errors import ResultError, translate_exception
from lambda_serving.execution import get_event_loop
from lambda_serving.request import Request
from lambda_serving.responses import Answer, is_response, play_response
from lambda_serving_cli.dev_server.environment import DevEnvironment


class ResponseElsewhere:
    """A user's response, run where its class runs; what it sends goes out here."""

    def __init__(
        self,
        response: Any,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        lease: AbstractContextManager[Any],
    ) -> None:
        """``lease`` is that of the loop, and ends with the response."""
        self.status_code, self.raw_headers = response.status_code, response.raw_headers
        self._response = response
        self._loop = loop
        self._context = context
        self._lease = lease

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = asyncio.get_running_loop()

        def bring(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
            async def call(*message: Any) -> Any:
                called = asyncio.run_coroutine_threadsafe(function(*message), here)
                return await asyncio.wrap_future(called)

            return call

        # Translated on that loop: an exit or an interrupt must not end it.
        sent = play_response(self._response, scope, bring(receive), bring(send))
        with self._lease:
            done = self._context.run(asyncio.run_coroutine_threadsafe, sent, self._loop)
            try:
                await asyncio.wrap_future(done)
            except GeneratorExit as error:
                if not done.done():
                    raise  # this coroutine is closed, and not user code's that raised it
                raise translate_exception(error, ResultError.stage) from error


class DevApp(App):
    """Waits for what runs in the threads and on the loops of its endpoint."""

    def __init__(self, environment: DevEnvironment) -> None:
        super().__init__(environment)
        self._own = environment

    async def serve(self, request: Request) -> Any:
        """In a thread of its own; what is asynchronous in there runs on a loop of the endpoint."""
        with ExitStack() as stack:
            lease = stack.enter_context(self._own.lease_loop())

            def serve() -> Any:
                result = self._own.serve(request)
                if is_response(result):
                    loop, context = get_event_loop(), copy_context()
                    return ResponseElsewhere(result, loop, context, stack.pop_all())
                return result

            return await asyncio.wrap_future(self._own.start_on(lease, serve))

    async def play(self, response: Any, scope: Scope, receive: Receive, send: Send) -> Messages:
        """As it comes."""
        await play_response(response, scope, receive, send)
        return []

    async def show(self, view: Callable[[], Answer]) -> Answer:
        return await asyncio.wrap_future(self._own.start(view))

"""The HTTP routes of one endpoint, on a server of several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from lambda_serving.events.app import App, Target
from lambda_serving.messages.asgi import Messages, Receive, Scope
from lambda_serving.messages.request import Request
from lambda_serving.messages.responses import Answer, collect_messages, is_response, stay_connected
from lambda_serving.user_code.event_loop import run
from lambda_serving_cli.dev_server.environment import DevEnvironment

_played: ContextVar[Played] = ContextVar("played")


class Played:
    """All messages of a user's own response to one request, collected as on Lambda."""

    def __init__(self, scope: Scope) -> None:
        # The version that Mangum states. By it, a streaming response chooses how it waits.
        self.scope = scope | {"asgi": {"version": "3.0"}}
        self.messages: Messages = []


class DevApp(App):
    """Serves by threads of the endpoint, and waits for them."""

    def __init__(self, environment: DevEnvironment) -> None:
        super().__init__(environment.environment)
        self._own = environment

    async def _serve(
        self, target: Target, scope: Scope, receive: Receive, request_id: str
    ) -> Answer | Messages:
        _played.set(Played(scope))
        return await super()._serve(target, scope, receive, request_id)

    async def serve(self, request: Request) -> Any:
        """Serve in a new thread, which also runs the user's own response."""
        played = _played.get()

        def serve() -> Any:
            result = self._own.serve(request)
            if is_response(result):
                played.messages = run(collect_messages(result, played.scope, stay_connected))
            return result

        return await asyncio.wrap_future(self._own.start(serve))

    async def play(self, response: Any, scope: Scope, receive: Receive) -> Messages:
        return _played.get().messages

    async def show(self, view: Callable[[], Answer]) -> Answer:
        return await asyncio.wrap_future(self._own.start(view))

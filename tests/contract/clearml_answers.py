"""What ClearML Serving answers: the very functions that its FastAPI application runs.

Its route takes `Union[bytes, Dict[Any, Any]] = None` and has no response model. FastAPI below
0.111, which it pins, reads a body without a content type as JSON (`strict_content_type=False` now).
"""

import asyncio
import json
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

FAILS = "fails"


def answer(result: Any) -> Any:
    """The JSON of a result, or FAILS."""
    try:
        return json.loads(JSONResponse(jsonable_encoder(result)).body)
    except Exception:  # noqa: BLE001  (whatever it is, it is a 500 there)
        return FAILS


application = FastAPI(strict_content_type=False)


@application.post("/")
async def serve(request: bytes | dict[Any, Any] | None = None) -> Any:
    return JSONResponse(ascii(request))


def read_body(raw: bytes, content_type: str | None) -> str:
    """The `ascii` of the body that user code gets, or FAILS."""
    headers = [] if content_type is None else [(b"content-type", content_type.encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "root_path": "",
        "scheme": "http", "query_string": b"", "headers": headers, "server": ("a", 80),
        "client": ("b", 1), "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        asyncio.run(application(scope, receive, send))
    except ValueError:  # its refusal quotes what came, NaN too
        return FAILS
    body = b"".join(message.get("body", b"") for message in sent)
    return json.loads(body) if sent[0]["status"] == 200 else FAILS

"""The same application behind uvicorn, as the Lambda Web Adapter runs it."""

import os

import uvicorn
from handler import app


def serve() -> None:
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")

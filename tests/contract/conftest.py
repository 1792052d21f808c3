"""The endpoints of functions/ in the real handler."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.conftest import PROJECT, Handler

Serve = Callable[[dict[str, Any] | bytes], Any]


@pytest.fixture
def start_endpoint(
    example_models: Path, start_handler: Callable[..., Handler], tmp_path: Path
) -> Callable[[str], Handler]:
    """start_endpoint(name) -> handler(event): a cold start of the endpoint as it is deployed."""

    def start(name: str) -> Handler:
        folder = copytree(PROJECT / "functions" / name, tmp_path / "task")
        return start_handler(folder, SERVING_MODEL_BUCKET=f"file://{example_models}")

    return start


@pytest.fixture
def endpoint(start_endpoint: Callable[[str], Handler]) -> Callable[[str], Serve]:
    """endpoint(name) -> serve(body): direct invokes, bytes in the envelope."""

    def start(name: str) -> Serve:
        return serve_bodies(start_endpoint(name))

    return start


def serve_bodies(handler: Handler) -> Serve:
    """Direct invokes, bytes in the envelope."""

    def serve(body: dict[str, Any] | bytes) -> Any:
        if isinstance(body, dict):
            return handler(body)
        envelope = {"protocol": 1, "content_type": "application/octet-stream"}
        return handler({"serving": envelope, "body": b64encode(body).decode()})

    return serve

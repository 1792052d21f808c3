"""The adder as an endpoint that follows the registry, and requests to it."""

import json
from typing import Any

from tests.conftest import Handler
from tests.events import load_event
from tests.servers.s3 import S3Server

TOML = """
endpoint = "adder"
engine = "onnx"
[auto_update]
project = "examples"
name = "adder"
max_versions = 2
poll_seconds = 60
"""
SUM = {"a": 1, "b": 2}


def post(version: str = "", **body: Any) -> dict[str, Any]:
    path = f"/serve/adder/{version}".rstrip("/")
    event: dict[str, Any] = load_event("http_post_json") | {"rawPath": path}
    event["requestContext"]["http"]["path"] = path
    return event | {"body": json.dumps(body or SUM)}


def ask(handler: Handler, version: str = "") -> tuple[int, str, Any]:
    """Status, the version that answered, and the answer."""
    answer = handler(post(version))
    body = json.loads(answer["body"])
    return answer["statusCode"], answer["headers"].get("x-serving-version", ""), body


def find_by(s3: S3Server) -> dict[str, str]:
    """The environment of a function whose bucket is ``models`` of this server."""
    return {
        "SERVING_MODEL_BUCKET": "models",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }

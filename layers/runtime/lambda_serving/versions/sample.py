"""Sample requests: a version must answer its sample before it gets any traffic."""

from __future__ import annotations

import math
from pathlib import Path

from lambda_serving.errors import ModelLoadError, RequestError, ServingError, SettingsError
from lambda_serving.messages.encoding import decode_body, parse_json
from lambda_serving.messages.envelope import read_request
from lambda_serving.messages.request import Request, enter_request
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.auto_update import LARGEST_SAMPLE
from lambda_serving.settings.runtime import Runtime

FILE = "sample.json"


def read_sample(runtime: Runtime) -> Request | None:
    """Read ``sample.json`` in the function's folder, the payload of a direct invoke; else None.

    Raises:
        SettingsError: the file is not a valid payload.
    """
    file = Path(runtime.task_root, FILE)
    if not file.is_file():
        return None
    try:
        return read_request(parse_json(file.read_bytes()), "sample", math.inf, runtime)
    except (RequestError, ValueError) as error:
        raise SettingsError(f"{FILE}: expected the payload of a direct invoke: {error}") from error


def parse_sample(text: bytes, version: str) -> Request:
    """Parse the sample request of a version in the registry: the body of a request.

    Raises:
        ModelLoadError: it is not a valid body.
    """
    try:
        body = decode_body(text, "application/json", "", LARGEST_SAMPLE)
    except RequestError as error:
        raise ModelLoadError(f"its sample request is none: {error.detail}") from error
    return Request(body, f"sample-{version}")


def answer_sample(endpoint: Servable, request: Request) -> None:
    """Let a version answer a sample request. The result is dropped.

    Raises:
        ModelLoadError: the request fails.
    """
    enter_request(request)
    try:
        endpoint.serve(request)
    except ServingError as error:
        raise ModelLoadError(
            f"its sample request fails: {error.type} in {error.stage}", private=str(error)
        ) from error

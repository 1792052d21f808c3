"""A sample request: what a version must be able to answer before anybody is sent to it."""

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
    """``sample.json`` of the function's folder: the payload of a direct invoke; None without it.

    Raises:
        SettingsError: it is no request.
    """
    file = Path(runtime.task_root, FILE)
    if not file.is_file():
        return None
    try:
        return read_request(parse_json(file.read_bytes()), "sample", math.inf, runtime)
    except (RequestError, ValueError) as error:
        raise SettingsError(f"{FILE}: expected the payload of a direct invoke: {error}") from error


def parse_sample(text: bytes, version: str) -> Request:
    """The sample request that ``version`` of the registry was published with: a body.

    Raises:
        ModelLoadError: it is none.
    """
    try:
        body = decode_body(text, "application/json", "", LARGEST_SAMPLE)
    except RequestError as error:
        raise ModelLoadError(f"its sample request is none: {error.detail}") from error
    return Request(body, f"sample-{version}")


def answer_sample(endpoint: Servable, request: Request) -> None:
    """Let a version answer; the result goes nowhere.

    Raises:
        ModelLoadError: it does not.
    """
    enter_request(request)
    try:
        endpoint.serve(request)
    except ServingError as error:
        raise ModelLoadError(
            f"its sample request fails: {error.type} in {error.stage}", private=str(error)
        ) from error

"""Sample requests: a version must answer its samples before it gets any traffic."""

from __future__ import annotations

from lambda_serving.errors import ModelLoadError, RequestError, ServingError
from lambda_serving.messages.request import Request, enter_request
from lambda_serving.messages.sample import DEFAULT, decode_sample, list_samples, read_sample
from lambda_serving.pipeline.endpoint import Servable
from lambda_serving.settings.auto_update import LARGEST_SAMPLE
from lambda_serving.settings.runtime import Runtime


def read_samples(runtime: Runtime) -> list[Request]:
    """The samples in the function's folder, as requests.

    Raises:
        SettingsError: a file cannot be a request's body.
    """
    samples = [
        read_sample(path, runtime.max_body_bytes, runtime)
        for path in list_samples(runtime.task_root).values()
    ]
    return [
        Request(each.body, DEFAULT if each.name == DEFAULT else f"{DEFAULT}-{each.name}")
        for each in samples
    ]


def parse_sample(key: str, content: bytes, version: str) -> Request:
    """Parse the sample of a version in the registry: its key, and the content of that.

    Raises:
        ModelLoadError: it is not a valid body.
    """
    try:
        body = decode_sample(key, content, LARGEST_SAMPLE)
    except RequestError as error:
        raise ModelLoadError(f"its sample request is none: {error.detail}") from error
    return Request(body, f"{DEFAULT}-{version}")


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

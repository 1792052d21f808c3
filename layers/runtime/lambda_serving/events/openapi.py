"""The OpenAPI document and the docs page, by FastAPI.

Imported when a browser asks for them. The import of FastAPI takes longer than the rest of a cold
start (docs/decisions/0005-thin-app.md).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic import BaseModel

from lambda_serving.errors import SettingsError
from lambda_serving.messages.encoding import BYTES, JSON
from lambda_serving.messages.sample import Sample, list_samples, read_sample
from lambda_serving.settings.endpoint import EndpointSettings
from lambda_serving.settings.runtime import Runtime

logger = logging.getLogger("lambda_serving")


class ErrorBody(BaseModel):
    """What every error answers."""

    detail: Any
    type: str
    stage: str
    request_id: str


ERRORS = {
    400: "the body is not JSON, not gzip as its header claims, or bad base64",
    404: "no such version",
    413: "the body is over the limit",
    415: "the content encoding is not supported",
    422: "the input is refused",
    500: "the user's code failed, or the result is over the limit",
    503: "the model cannot be fetched, verified or loaded; see Retry-After",
    504: "the user's code still ran shortly before the time limit",
}

OBJECT = {"type": "object"}
BINARY = {"type": "string", "format": "binary"}

LARGEST_EXAMPLE = 64 * 1024
"""Bytes of a sample that the document repeats."""


def describe_api(settings: EndpointSettings, samples: Sequence[Sample] = ()) -> dict[str, Any]:
    """The OpenAPI document of one endpoint, with its samples as examples."""
    return make_app(settings, samples).openapi()


def read_examples(runtime: Runtime) -> list[Sample]:
    """The samples in the endpoint's folder; none, with a warning, where one of them is wrong."""
    try:
        paths = list_samples(runtime.task_root)
        return [read_sample(path, runtime.max_body_bytes, runtime) for path in paths.values()]
    except SettingsError as error:
        logger.warning("the OpenAPI document is without samples: %s", error.detail)
        return []


def describe_body(samples: Sequence[Sample]) -> dict[str, Any]:
    """The request's body: its content types, those of the samples first."""
    content: dict[str, dict[str, Any]] = {}
    for sample in samples:
        media = content.setdefault(
            sample.content_type, {"schema": OBJECT if sample.is_json else BINARY}
        )
        value = sample.body if sample.is_json else _read_text(sample)
        if value is not None and len(sample.content) <= LARGEST_EXAMPLE:
            media.setdefault("examples", {})[sample.name] = {"value": value}
    content.setdefault(JSON, {"schema": OBJECT})
    content.setdefault(BYTES, {"schema": BINARY})
    return {"requestBody": {"required": True, "content": content}}


def _read_text(sample: Sample) -> str | None:
    """The text of a sample of a text type; None where it is none."""
    try:
        return sample.content.decode() if sample.content_type.startswith("text/") else None
    except UnicodeDecodeError:
        return None


SIGNATURE = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "AWS Signature Version 4",
    "x-amazon-apigateway-authtype": "awsSigv4",
}
TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def add_security(document: dict[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the security scheme of the deployment, if it has one.

    The event that asks for the document tells it, since whoever asks has been let in by it.
    """
    context = event.get("requestContext") or {}
    authorizer = context.get("authorizer") or {}
    if "jwt" in authorizer or "claims" in authorizer:  # HTTP API; REST with a user pool
        name, scheme = "token", TOKEN
    elif "iam" in authorizer or (context.get("identity") or {}).get("userArn"):
        name, scheme = "signature", SIGNATURE
    else:
        return document
    components = document.setdefault("components", {})
    components["securitySchemes"] = {name: scheme}
    return document | {"security": [{name: []}]}


def render_page(settings: EndpointSettings) -> bytes:
    """Swagger UI; it finds the document beside itself, whatever stands before ``/serve``."""
    page = get_swagger_ui_html(openapi_url="openapi.json", title=settings.endpoint)
    return bytes(page.body)


async def _describe(request: Request) -> Any:
    """Stands for a route in the document; no request reaches it."""


def make_app(settings: EndpointSettings, samples: Sequence[Sample]) -> FastAPI:
    """A FastAPI application that only describes the routes; ``app.App`` serves them."""
    app = FastAPI(title=settings.endpoint, version=settings.default or "newest")
    base = f"/serve/{settings.endpoint}"
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorBody, "description": text} for status, text in ERRORS.items()
    }

    def add(method: str, path: str, name: str, summary: str, **options: Any) -> None:
        app.add_api_route(
            path,
            _describe,
            methods=[method],
            name=name,
            summary=summary,
            description=summary,
            **options,
        )

    post: dict[str, Any] = {
        "responses": responses,
        "openapi_extra": describe_body(samples),
    }
    add("POST", base, "serve", f"Run version {settings.default or 'that is the newest'}", **post)
    for version in settings.versions:
        add("POST", f"{base}/{version}", f"serve_{version}", f"Run version {version}", **post)
    add("GET", base, "describe", "The endpoint's versions, inputs and outputs")
    add("GET", f"{base}/health/live", "live", "Whether the function answers")
    add("GET", f"{base}/health/ready", "ready", "Whether the default version is loaded")
    return app

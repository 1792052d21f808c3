"""The OpenAPI document and the docs page, by FastAPI.

Imported when a browser asks for them. The import of FastAPI takes longer than the rest of a cold
start (docs/decisions/0005-thin-app.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic import BaseModel

from lambda_serving.settings.endpoint import EndpointSettings


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

OPENAPI_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def describe_api(settings: EndpointSettings) -> dict[str, Any]:
    """The OpenAPI document of one endpoint."""
    return make_app(settings).openapi()


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


def make_app(settings: EndpointSettings) -> FastAPI:
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

    post: dict[str, Any] = {"responses": responses, "openapi_extra": OPENAPI_BODY}
    add("POST", base, "serve", f"Run version {settings.default or 'that is the newest'}", **post)
    for version in settings.versions:
        add("POST", f"{base}/{version}", f"serve_{version}", f"Run version {version}", **post)
    add("GET", base, "describe", "The endpoint's versions, inputs and outputs")
    add("GET", f"{base}/health/live", "live", "Whether the function answers")
    add("GET", f"{base}/health/ready", "ready", "Whether the default version is loaded")
    return app

"""Every endpoint of the deployed stack, by HTTP and by direct invoke."""

import gzip
import json
from base64 import b64decode
from typing import Any

import httpx
import pytest

from tests.events import list_endpoints, load_event
from tests.servers.built import PROJECT
from tests.stack.conftest import Stack

ENDPOINTS = list_endpoints()


def replay(stack: Stack, name: str) -> httpx.Response:
    """Send an HTTP API event as the request that made it."""
    event = load_event(name)
    body = event.get("body", "")
    kept = ("content-type", "content-encoding", "accept")
    return stack.http.request(
        event["requestContext"]["http"]["method"],
        f"{stack.api_url}{event['rawPath']}",
        headers={k: v for k, v in event["headers"].items() if k in kept},
        content=b64decode(body) if event["isBase64Encoded"] else body,
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_http(stack: Stack, endpoint: str) -> None:
    answer = replay(stack, f"http_{endpoint}")
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json(), dict)


@pytest.mark.parametrize("qualifier", ["", "live"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_direct_invoke(stack: Stack, endpoint: str, qualifier: str) -> None:
    function = stack.state["functions"][endpoint]
    result, error = stack.invoke(function, load_event(f"invoke_{endpoint}"), qualifier)
    assert error == "", result
    assert isinstance(result, dict)


def test_filetype_knows_the_readme(stack: Stack) -> None:
    """As `curl --data-binary @README.md` sends it."""
    answer = stack.post(
        "/serve/filetype",
        content=(PROJECT / "README.md").read_bytes(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.json()["label"] == "markdown"
    assert 0 < answer.json()["score"] <= 1


def test_iris_gives_the_species(stack: Stack) -> None:
    body = load_event("invoke_iris_onnx")
    by_http = stack.post("/serve/iris_onnx", json=body).json()
    direct, _ = stack.invoke(stack.state["functions"]["iris_onnx"], body)
    assert by_http == direct
    assert by_http["species"] in by_http["probabilities"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("http_post_json", 200),
        ("http_version", 200),
        ("http_not_json", 400),
        ("http_not_gzip", 400),
        ("http_unknown_version", 404),
        ("http_unsupported_encoding", 415),
        ("http_not_object", 422),
        ("http_missing_key", 422),
        ("http_wrong_type", 422),
    ],
)
def test_http_status(stack: Stack, name: str, status: int) -> None:
    answer = replay(stack, name)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert {"detail", "type", "stage", "request_id"} <= answer.json().keys()
        assert "Traceback" not in answer.text


def test_other_methods_are_no_routes(stack: Stack) -> None:
    """API Gateway answers, and no function runs."""
    answer = replay(stack, "http_wrong_method")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_gzip(stack: Stack) -> None:
    """The local cloud hands on a body of application/json as text, which gzip does not survive."""
    answer = stack.post(
        "/serve/iris_onnx",
        content=gzip.compress(json.dumps(load_event("invoke_iris_onnx")).encode()),
        headers={"content-type": "application/vnd.iris+json", "content-encoding": "gzip"},
    )
    assert answer.status_code == 200, answer.text


def test_bytes_are_refused_by_iris(stack: Stack) -> None:
    assert replay(stack, "http_bytes").status_code == 422


@pytest.mark.parametrize(
    "path", ["", "/health/live", "/health/ready", "/docs", "/openapi.json"]
)  # fmt: skip
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_get(stack: Stack, endpoint: str, path: str) -> None:
    answer = stack.get(f"/serve/{endpoint}{path}")
    assert answer.status_code == 200, answer.text
    assert path == "/docs" or answer.json()


@pytest.mark.parametrize(
    ("name", "status"),
    [("invoke_missing_key", 422), ("invoke_not_object", 422), ("envelope_unknown_version", 404)],
)
def test_direct_invoke_fails(stack: Stack, name: str, status: int) -> None:
    result, error = stack.invoke(stack.state["functions"]["iris_onnx"], load_event(name))
    assert error  # "Unhandled"
    assert read_error(result)["status"] == status


def read_error(result: Any) -> dict[str, Any]:
    """The body of an error that a direct invoke raised; errorType is lost in the local cloud."""
    described: dict[str, Any] = json.loads(result["errorMessage"])
    return described

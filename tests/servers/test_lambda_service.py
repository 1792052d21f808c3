"""The loopback Lambda API refuses what Lambda refuses, and counts what it says it counts."""

import json
import time
from collections.abc import Iterator
from copy import replace
from typing import Any

import pytest
import urllib3

from lambda_serving.calls.lambda_api import LambdaApi
from lambda_serving.calls.send_request import CallError
from lambda_serving.settings.runtime import Runtime, read_runtime
from tests.servers.lambda_faults import Fault, not_found, service_error, throttled
from tests.servers.lambda_service import PAYLOAD_LIMIT, LambdaService


@pytest.fixture
def service() -> Iterator[LambdaService]:
    with LambdaService({"shop-a b": lambda payload: {"heard": payload}}) as service:
        yield service


@pytest.fixture
def runtime(service: LambdaService, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    variables = {"SERVING_STACK": "shop", "SERVING_ALIAS": "live/1"} | service.environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_runtime()


def ask(runtime: Runtime, payload: Any = None) -> Any:
    return json.loads(LambdaApi(runtime).invoke("a b", json.dumps(payload).encode(), 5))


def test_right_request(service: LambdaService, runtime: Runtime) -> None:
    """Names that need quoting too: the signature holds over the path as it is sent."""
    assert ask(runtime, {"a": 1}) == {"heard": {"a": 1}}
    (invoke,) = service.invokes
    assert (invoke.function, invoke.qualifier) == ("shop-a b", "live/1")
    assert service.defects == []


def test_wrong_signature(service: LambdaService, runtime: Runtime) -> None:
    credentials = dict(runtime.credentials) | {"secret_access_key": "another"}
    with pytest.raises(CallError, match="403 InvalidSignatureException the signature differs"):
        ask(replace(runtime, credentials=credentials))
    assert service.defects == ["the signature differs"]
    assert service.invokes == []


def test_no_signature_and_wrong_type(service: LambdaService) -> None:
    url = f"{service.endpoint}/2015-03-31/functions/shop-a%20b/invocations"
    for headers in ({}, {"X-Amz-Invocation-Type": "RequestResponse"}):
        assert urllib3.request("POST", url, body=b"{}", headers=headers).status == 403
    assert service.defects == ["invocation type None", "no signature of version 4"]


@pytest.mark.parametrize(
    ("fault", "runs"),
    [(throttled(times=1), 1), (not_found(), 0), (service_error(), 1), (Fault(cut_after=0), 1)],
)
def test_runs(service: LambdaService, runtime: Runtime, fault: Fault, runs: int) -> None:
    service.faults["shop-a b"] = fault
    try:
        ask(runtime)
    except CallError:
        assert fault.times == -1
    assert service.runs["shop-a b"] == runs


def test_payload_limit(service: LambdaService, runtime: Runtime) -> None:
    with pytest.raises(CallError, match="413 RequestTooLargeException"):
        ask(runtime, "x" * PAYLOAD_LIMIT)


@pytest.mark.parametrize(("idle_seconds", "connections"), [(0.05, 3), (60.0, 1)])
def test_connections_that_idled_are_not_used_again(
    service: LambdaService, runtime: Runtime, idle_seconds: float, connections: int
) -> None:
    api = LambdaApi(runtime, idle_seconds)
    for _ in range(3):
        api.invoke("a b", b"{}", 5)
        time.sleep(0.1)
    assert len({invoke.port for invoke in service.invokes}) == connections


def test_unknown_function(service: LambdaService, runtime: Runtime) -> None:
    with pytest.raises(CallError, match="404 ResourceNotFoundException"):
        LambdaApi(runtime).invoke("absent", b"{}", 5)

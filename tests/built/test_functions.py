"""Every built function answers its events under the real runtime client."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import replace
from pathlib import Path
from typing import Any

import pytest

from lambda_serving_cli.local_cloud.functions import build_function, find_targets
from tests.built.conftest import start_function
from tests.events import list_endpoints, load_event
from tests.servers.built import PROJECT, STATE, BuiltFunction, build_functions, environment_with_uv
from tests.servers.lambda_process import LambdaProcess
from tests.servers.lambda_service import LambdaService
from tests.servers.s3 import S3Server

ENDPOINTS = list_endpoints()


@pytest.fixture(scope="module")
def environments(
    built: dict[str, BuiltFunction],
    runtime_client: Path,
    module_s3: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, LambdaProcess]]:
    """endpoint -> one warm environment, for all tests of this module; they can call each other."""
    started: dict[str, LambdaProcess] = {}
    with ExitStack() as stack:
        service = stack.enter_context(LambdaService())
        variables = service.environment | {
            "AWS_ENDPOINT_URL": module_s3.endpoint,
            "AWS_ENDPOINT_URL_LAMBDA": service.endpoint,
            "SERVING_ALIAS": "live",
        }
        for endpoint in ENDPOINTS:
            process = start_function(
                built[endpoint],
                module_s3,
                runtime_client,
                tmp_path_factory.mktemp(endpoint),
                None,
                variables,
            )
            started[endpoint] = stack.enter_context(process)
            service.functions[f"test-{endpoint}"] = make_function(process)
        yield started


def make_function(process: LambdaProcess) -> Callable[[Any], Any]:
    """The environment as one function of the Lambda API on loopback."""

    def invoke(event: Any) -> Any:
        answer = process.invoke(event)
        assert not answer.failed, answer
        return answer.json()

    return invoke


def read_http(answer: Any) -> Any:
    """The JSON body of an HTTP answer's payload, which must be a 200."""
    payload = answer.json()
    assert payload["statusCode"] == 200, payload
    return json.loads(payload["body"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_starts(environments: dict[str, LambdaProcess], endpoint: str) -> None:
    process = environments[endpoint]
    assert process.wait_until_started() is None
    assert "Traceback" not in process.read_log()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_both_event_sources_agree(environments: dict[str, LambdaProcess], endpoint: str) -> None:
    process = environments[endpoint]
    direct = process.invoke(load_event(f"invoke_{endpoint}"))
    assert not direct.failed, direct
    by_http = read_http(process.invoke(load_event(f"http_{endpoint}")))
    assert by_http.keys() == direct.json().keys()


@pytest.mark.parametrize(
    "event",
    ["http_post_json", "http_gzip", "http_version", "http_trailing_slash", "rest_post_json",
     "alb_post_json", "alb_multi_value_headers", "url_post_json"],
)  # fmt: skip
def test_iris_by_every_source(environments: dict[str, LambdaProcess], event: str) -> None:
    result = read_http(environments["iris_onnx"].invoke(load_event(event)))
    assert result["species"] == "setosa"
    assert sum(result["probabilities"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize("event", ["envelope_post", "envelope_version"])
def test_iris_by_envelope(environments: dict[str, LambdaProcess], event: str) -> None:
    assert environments["iris_onnx"].invoke(load_event(event)).json()["species"] == "setosa"


def test_filetype_by_envelope(environments: dict[str, LambdaProcess]) -> None:
    source = Path(__file__).read_bytes()
    answer = environments["filetype"].invoke(
        {
            "serving": {"protocol": 1, "content_type": "application/octet-stream"},
            "body": b64encode(source).decode(),
        }
    )
    assert answer.json()["label"] == "python"


@pytest.mark.parametrize("endpoint", ["iris_ensemble", "iris_ensemble_threads"])
def test_ensemble_asks_all(environments: dict[str, LambdaProcess], endpoint: str) -> None:
    result = environments[endpoint].invoke(load_event(f"invoke_{endpoint}")).json()
    assert len(result["asked"]) == 4
    assert result["left_out"] == []


@pytest.mark.parametrize("event", ["http_docs", "http_openapi"])
def test_docs_are_in_the_layer(environments: dict[str, LambdaProcess], event: str) -> None:
    payload = environments["iris_onnx"].invoke(load_event(event)).json()
    assert payload["statusCode"] == 200
    assert "iris_onnx" in payload["body"]


def test_warmup_runs_no_model(environments: dict[str, LambdaProcess]) -> None:
    assert not environments["iris_onnx"].invoke(load_event("schedule_warmup")).failed


@pytest.mark.parametrize(
    ("event", "error_type"),
    [
        ("invoke_missing_key", "ValueError"),
        ("invoke_wrong_type", "ValueError"),
        ("invoke_not_object", "InputError"),
        ("envelope_unknown_version", "UnknownVersionError"),
        ("envelope_bad_base64", "MalformedBodyError"),
    ],
)
def test_direct_invoke_fails_by_name(
    environments: dict[str, LambdaProcess], event: str, error_type: str
) -> None:
    process = environments["iris_onnx"]
    answer = process.invoke(load_event(event))
    assert answer.failed
    assert answer.error_type == error_type
    # Lambda itself adds the stack of the raise; the user's code and paths are not in it.
    assert str(process.task_root) not in answer.payload.decode()
    assert "preprocess.py" not in answer.payload.decode()
    assert "Traceback" not in answer.json()["errorMessage"]


@pytest.mark.parametrize(
    ("event", "status"),
    [("http_missing_key", 422), ("http_not_json", 400), ("http_unknown_version", 404),
     ("http_unsupported_encoding", 415), ("rest_not_object", 422), ("url_not_object", 422)],
)  # fmt: skip
def test_http_errors_hide_the_inside(
    environments: dict[str, LambdaProcess], event: str, status: int
) -> None:
    process = environments["iris_onnx"]
    answer = process.invoke(load_event(event))
    assert not answer.failed
    assert answer.json()["statusCode"] == status
    assert {"detail", "type", "stage", "request_id"} <= json.loads(answer.json()["body"]).keys()
    for inside in ("Traceback", str(process.task_root), "/python/", "preprocess.py"):
        assert inside not in answer.payload.decode()


def test_log_has_the_traceback(environments: dict[str, LambdaProcess]) -> None:
    process = environments["iris_onnx"]
    process.invoke(load_event("invoke_missing_key"))
    assert "preprocess.py" in process.read_log()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_leaves_alone_what_is_read_only(
    environments: dict[str, LambdaProcess], endpoint: str
) -> None:
    process = environments[endpoint]
    process.invoke(load_event(f"http_{endpoint}"))
    assert process.list_violations() == []


def test_a_function_that_is_built_alone_is_as_sam_builds_it(tmp_path: Path) -> None:
    """So `make up` after an edit sends what a deploy would."""
    expected = build_functions()["iris_onnx"].code
    [target] = find_targets(PROJECT, STATE / "build", ["iris_onnx"])
    assert target.built == expected and target.is_plain
    alone = replace(target, built=tmp_path / "alone")
    build_function(alone, PROJECT, tmp_path / "log", environment_with_uv(), "")
    assert read_files(alone.built) == read_files(expected)


def read_files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Name -> mode and content of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }

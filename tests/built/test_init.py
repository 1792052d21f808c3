"""A cold start that fails: 503 and recovery on demand, a failed init where a deployment waits.

docs/errors.md: a failed load never crash-loops an on-demand environment; under SnapStart
or provisioned concurrency it fails the init, so that no broken version is published.
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.built.conftest import BUCKET, Launch
from tests.events import load_event
from tests.servers.faults import LISTING, Fault, access_denied, no_such_bucket, slow_down
from tests.servers.lambda_process import LambdaProcess
from tests.servers.s3 import S3Server

KEY = "iris_onnx/1/model.onnx"


def read_model(s3: S3Server) -> bytes:
    return s3.buckets[BUCKET][KEY][0].body


def remove(s3: S3Server) -> None:
    del s3.buckets[BUCKET][KEY]


def truncate(s3: S3Server) -> None:
    body = read_model(s3)
    s3.put(BUCKET, KEY, body[: len(body) // 2])


def refuse(s3: S3Server) -> None:
    s3.stop()


def fail_with(fault: Callable[[], Fault]) -> Callable[[S3Server], None]:
    return lambda s3: s3.faults.update({KEY: fault()})


BREAKS: dict[str, tuple[Callable[[S3Server], None], str]] = {
    "no model": (remove, "ModelFetchError"),
    "no bucket": (fail_with(no_such_bucket), "ModelFetchError"),
    "no permission": (fail_with(access_denied), "ModelFetchError"),
    "no network": (refuse, "ModelFetchError"),
    "an S3 that is overloaded": (fail_with(lambda: slow_down(times=-1)), "ModelFetchError"),
    # Cut before any byte of the body: after some, the client goes on where it was cut off.
    "a cut connection": (fail_with(lambda: Fault(cut_after=0)), "ModelFetchError"),
    "a truncated model": (truncate, "ModelLoadError"),
}
"""What is broken -> how, and the error's class."""


def read_problem(process: LambdaProcess) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and body of the 503 that an HTTP request gets."""
    payload = process.invoke(load_event("http_post_json")).json()
    assert payload["statusCode"] == 503, payload
    return payload["headers"], json.loads(payload["body"])


def wait_for_recovery(process: LambdaProcess, seconds: float = 20.0) -> None:
    """The environment answers again; it is asked once a second, as its backoff ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.invoke(load_event("envelope_post")).failed:
            return
        time.sleep(0.5)
    raise AssertionError(f"no recovery within {seconds} s; log:\n{process.read_log()}")


@pytest.mark.parametrize("broken", BREAKS)
def test_answers_503_and_recovers(launch: Launch, s3: S3Server, broken: str) -> None:
    break_it, error_type = BREAKS[broken]
    model = read_model(s3)
    break_it(s3)
    process = launch("iris_onnx", s3)
    assert process.wait_until_started() is None

    headers, body = read_problem(process)
    assert int(headers["retry-after"]) >= 1
    assert body["type"] == error_type
    assert BUCKET not in json.dumps(body)
    direct = process.invoke(load_event("envelope_post"))
    assert (direct.failed, direct.error_type) == (True, error_type)
    assert f"{error_type} 503" in process.read_log()
    assert process.invoke(load_event("http_health_live")).json()["statusCode"] == 200
    assert process.invoke(load_event("http_health_ready")).json()["statusCode"] == 503

    s3.start()
    s3.faults.clear()
    s3.put(BUCKET, KEY, model)
    wait_for_recovery(process)


@pytest.mark.parametrize("kind", ["snap-start", "provisioned-concurrency"])
@pytest.mark.parametrize("broken", ["no model", "a truncated model"])
def test_fails_the_init(launch: Launch, s3: S3Server, kind: str, broken: str) -> None:
    break_it, error_type = BREAKS[broken]
    break_it(s3)
    process = launch("iris_onnx", s3, AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    error = process.wait_until_started()
    assert error is not None
    assert error.error_type == error_type
    assert f"{error_type} 503" in process.read_log()


@pytest.mark.parametrize("kind", ["snap-start", "provisioned-concurrency"])
def test_a_good_init_is_no_error(launch: Launch, s3: S3Server, kind: str) -> None:
    process = launch("iris_onnx", s3, AWS_LAMBDA_INITIALIZATION_TYPE=kind)
    assert process.wait_until_started() is None
    assert not process.invoke(load_event("envelope_post")).failed


def test_wrong_sha256_until_the_right_model_comes(launch: Launch, s3: S3Server) -> None:
    model = read_model(s3)

    def pin(code: Path) -> None:
        file = code / "endpoint.toml"
        file.write_text(f'sha256 = "{hashlib.sha256(model).hexdigest()}"\n{file.read_text()}')

    s3.put(BUCKET, KEY, model + b"\0")
    process = launch("iris_onnx", s3, edit=pin)
    _, body = read_problem(process)
    assert body["type"] == "ModelVerificationError"
    s3.put(BUCKET, KEY, model)
    wait_for_recovery(process)


def break_syntax(code: Path) -> None:
    replace_code(code, "class Preprocess:\n    def preprocess(self:\n")


def break_import(code: Path) -> None:
    replace_code(code, "import there_is_no_such_module\n\n\nclass Preprocess: ...\n")


def leave_by_exit(code: Path) -> None:
    replace_code(code, "raise SystemExit(3)\n")


def replace_code(code: Path, text: str) -> None:
    (code / "preprocess.py").write_text(text)


@pytest.mark.parametrize("edit", [break_syntax, break_import, leave_by_exit])
def test_broken_code_answers_503(launch: Launch, s3: S3Server, edit: Callable[..., None]) -> None:
    process = launch("iris_onnx", s3, edit=edit)
    assert process.wait_until_started() is None
    headers, body = read_problem(process)
    assert int(headers["retry-after"]) >= 1
    assert body["type"] == "UserCodeLoadError"
    assert str(process.task_root) not in json.dumps(body)
    assert "preprocess.py" in process.read_log()


def test_broken_code_fails_the_init(launch: Launch, s3: S3Server) -> None:
    kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    error = launch("iris_onnx", s3, edit=break_syntax, **kind).wait_until_started()
    assert error is not None
    assert error.error_type == "UserCodeLoadError"


def test_broken_settings_answer_503(launch: Launch, s3: S3Server) -> None:
    def misspell(code: Path) -> None:
        (code / "endpoint.toml").write_text('endpoint = "iris_onnx"\nengine = "onyx"\n')

    process = launch("iris_onnx", s3, edit=misspell)
    _, body = read_problem(process)
    assert body["type"] == "SettingsError"
    assert "engine" in body["detail"]


@pytest.mark.parametrize("broken", ["config.json", LISTING])
def test_a_prefix_is_whole_or_not_there(launch: Launch, s3: S3Server, broken: str) -> None:
    key = f"filetype/1/{broken}" if broken else LISTING
    s3.faults[key] = access_denied()
    process = launch("filetype", s3)
    payload = process.invoke(load_event("http_filetype")).json()
    assert payload["statusCode"] == 503
    s3.faults.clear()
    time.sleep(int(payload["headers"]["retry-after"]))
    assert not process.invoke(load_event("invoke_filetype")).failed

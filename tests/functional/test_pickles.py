"""Pickles run code: which ones load, and what is said of the others. By the real handler."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from skops import io as skops_io

from tests.conftest import Handler
from tests.faults.row import Row
from tests.registry import Registry
from tests.servers.s3 import S3Server


class Planted:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def dump(model: object) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


MODEL = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
PICKLE = dump(MODEL)
PIN = f'sha256 = "{hashlib.sha256(PICKLE).hexdigest()}"\n'
ALLOWED = "allow_pickle = true\n"
CODE = """
class Preprocess:
    def preprocess(self, body, state, collect):
        return [[body["x"]]]
"""

LOADED = {
    "allowed": ("model.joblib", ALLOWED),
    "pinned": ("model.joblib", PIN),
    "in a folder": ("folder/", ALLOWED),
    "skops": ("model.skops", ""),
    "skops in a folder": ("safe/", ""),
    "by the bucket's name": ("s3://models/model.joblib", ALLOWED),
    "skops of another bucket": ("s3://others/model.skops", ""),
}
REFUSED = {
    "neither": ("model.joblib", "", "say `allow_pickle = true` in endpoint.toml"),
    "not allowed": ("model.joblib", "allow_pickle = false\n", "or pin the file by its `sha256`"),
    "in a folder": ("folder/", "", "say `allow_pickle = true` in endpoint.toml"),
    "of another bucket": ("s3://others/model.joblib", ALLOWED, "in another bucket"),
    "of another bucket, pinned": ("s3://others/model.joblib", PIN, "in another bucket"),
}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        for bucket in ("models", "others"):
            server.put(bucket, "model.joblib", PICKLE)
            server.put(bucket, "model.skops", skops_io.dumps(MODEL))
            server.put(bucket, "folder/model.joblib", PICKLE)
            server.put(bucket, "safe/model.skops", skops_io.dumps(MODEL))
        yield server


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], s3: S3Server
) -> Callable[..., Handler]:
    def start(model: str, more: str, **env: str) -> Handler:
        toml = f'endpoint = "e"\nengine = "sklearn"\nmodel = "{model}"\n{more}'
        keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
        place = {"AWS_ENDPOINT_URL": s3.endpoint, "SERVING_MODEL_BUCKET": "models"}
        return start_handler(make_folder(toml, CODE), **keys | place | env)

    return start


def ask(handler: Handler) -> object:
    return handler({"x": 3})


@pytest.mark.parametrize("name", LOADED)
def test_models_that_load(start: Callable[..., Handler], name: str) -> None:
    assert np.allclose(ask(start(*LOADED[name])), [6.0])


@pytest.mark.parametrize("name", REFUSED)
def test_pickles_that_do_not(start: Callable[..., Handler], name: str) -> None:
    model, more, told = REFUSED[name]
    with pytest.raises(Exception) as raised:
        ask(start(model, more))
    assert type(raised.value).__name__ == "PickleNotAllowedError"
    message = json.loads(str(raised.value))
    assert (message["status"], message["stage"]) == (503, "load")
    assert told in message["detail"]


@pytest.mark.fault(
    "S3",
    "the model is a pickle that somebody planted, and endpoint.toml does not allow pickles",
    "503 PickleNotAllowedError",
    "PickleNotAllowedError",
    "none of its code runs",
)
def test_no_code_of_a_refused_pickle_runs(
    start: Callable[..., Handler],
    s3: S3Server,
    tmp_path: Path,
    fault: Row,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mark = tmp_path / "ran"
    s3.put("models", "planted.joblib", dump(Planted(mark)))
    with pytest.raises(Exception, match="PickleNotAllowedError"):
        ask(start("planted.joblib", ""))
    assert not mark.exists()
    assert fault.log in caplog.text


def test_a_snapshot_is_not_made(start: Callable[..., Handler]) -> None:
    with pytest.raises(Exception, match="allow_pickle = true"):
        start("model.joblib", "", AWS_LAMBDA_INITIALIZATION_TYPE="provisioned-concurrency")


def test_a_local_file(start: Callable[..., Handler], tmp_path: Path) -> None:
    """Part of the function's code, or of the developer's machine: no other's bucket."""
    file = tmp_path / "model.joblib"
    file.write_bytes(PICKLE)
    with pytest.raises(Exception, match="allow_pickle = true"):
        ask(start(file.as_uri(), ""))
    assert np.allclose(ask(start(file.as_uri(), ALLOWED)), [6.0])


def test_versions_of_their_own(start: Callable[..., Handler]) -> None:
    """Each version's table may say it; what the top level says counts for all."""
    table = '[version.2]\nmodel = "folder/model.joblib"\n'
    handler = start("model.skops", table + ALLOWED)
    envelope = {"serving": {"protocol": 1, "version": "2"}, "body": {"x": 3}}
    assert np.allclose(handler(envelope), [6.0])
    with pytest.raises(Exception, match="PickleNotAllowedError"):
        start("model.skops", table)(envelope)
    # A pin is of one file: it is not inherited.
    with pytest.raises(Exception, match="PickleNotAllowedError"):
        start("model.joblib", PIN + table)(envelope)


def test_versions_of_the_registry_are_pinned(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], models: Path
) -> None:
    Registry(models, name="forest").publish(PICKLE)
    update = '[auto_update]\nproject = "examples"\nname = "forest"\n'
    toml = f'endpoint = "e"\nengine = "sklearn"\n{update}'
    assert np.allclose(ask(start_handler(make_folder(toml, CODE))), [6.0])

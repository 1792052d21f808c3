"""What goes wrong at a cold start: a name, a 503, a log line with the cause, and recovery."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ADDER_CODE, ADDER_TOML, Handler
from tests.events import load_event
from tests.faults.row import Row
from tests.models import make_adder
from tests.servers.faults import LISTING, Fault, access_denied, slow_down
from tests.servers.s3 import S3Server

AGAIN = "a later request tries again, and is served once the cause is gone"

FLOWER = ADDER_TOML.replace('"adder"', '"iris_onnx"')
CODE = ADDER_CODE.replace('body["a"]', 'body["sepal_length"]').replace(
    'body["b"]', 'body["sepal_width"]'
)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        server.put("models", "adder.onnx", make_adder())
        yield server


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], s3: S3Server
) -> Callable[..., Handler]:
    """A cold start against the S3 on loopback."""

    def start(toml: str = FLOWER, code: str = CODE, **env: str) -> Handler:
        settings = {
            "SERVING_MODEL_BUCKET": "models",
            "AWS_ENDPOINT_URL": s3.endpoint,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
        }
        return start_handler(make_folder(toml, code), **(settings | env))

    return start


def ask(handler: Handler) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = handler(load_event("http_post_json"))
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def ask_until_served(handler: Handler, seconds: float = 10) -> dict[str, Any]:
    """Try again as Retry-After says; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        status, body, headers = ask(handler)
        if status == 200:
            return body
        assert time.monotonic() < end, body
        time.sleep(min(1.0, float(headers["retry-after"])))


def check_unavailable(
    handler: Handler, type_name: str, caplog: pytest.LogCaptureFixture, *causes: str
) -> dict[str, Any]:
    """503 with the name and nothing secret; the log names the cause."""
    status, body, headers = ask(handler)
    assert (status, body["type"], body["stage"]) == (503, type_name, "load")
    assert int(headers["retry-after"]) >= 1
    text = json.dumps(body)
    for secret in ("models", "/task", "test-secret", "127.0.0.1", "Traceback"):
        assert secret not in text
    for cause in (type_name, *causes):
        assert cause in caplog.text
    with pytest.raises(Exception, match=type_name):
        handler({"sepal_length": 1})
    return body


def check_fault(fault: Row, handler: Handler, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """What the row of docs/faults.md says."""
    status, _, type_name = fault.client.partition(" ")
    assert status == "503"
    return check_unavailable(handler, type_name, caplog, fault.log)


def test_served_from_s3(start: Callable[..., Handler], s3: S3Server) -> None:
    assert ask(start())[:2] == (200, {"sum": 8.6})
    assert s3.count() == {("GET", "adder.onnx"): 1}


@pytest.mark.fault(
    "S3",
    "the model is not there yet",
    "503 ModelFetchError",
    "s3://models/adder.onnx",
    AGAIN,
)
def test_no_model_then_published(
    start: Callable[..., Handler], s3: S3Server, fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    model = s3.buckets["models"].pop("adder.onnx")
    handler = start()
    check_fault(fault, handler, caplog)
    s3.buckets["models"]["adder.onnx"] = model
    assert ask_until_served(handler) == {"sum": 8.6}


@pytest.mark.fault(
    "S3",
    "the bucket is missing",
    "503 ModelFetchError",
    "s3://models/adder.onnx",
    AGAIN,
)
def test_missing_bucket_then_made(
    start: Callable[..., Handler], s3: S3Server, fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = s3.buckets.pop("models")
    handler = start()
    check_fault(fault, handler, caplog)
    s3.buckets["models"] = bucket
    assert ask_until_served(handler) == {"sum": 8.6}


@pytest.mark.fault(
    "S3",
    "S3 cannot be reached",
    "503 ModelFetchError",
    "error sending request",
    AGAIN,
)
def test_no_network_then_back(
    start: Callable[..., Handler], s3: S3Server, fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    s3.stop()
    handler = start()
    check_fault(fault, handler, caplog)
    s3.start()
    assert ask_until_served(handler) == {"sum": 8.6}


def test_access_denied(
    start: Callable[..., Handler], s3: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    s3.faults["adder.onnx"] = access_denied()
    check_unavailable(start(), "ModelFetchError", caplog, "AccessDenied")


def test_throttled_fetch_is_retried(start: Callable[..., Handler], s3: S3Server) -> None:
    s3.faults["adder.onnx"] = slow_down(times=2)
    assert ask(start())[0] == 200


def test_cut_connection_is_resumed(start: Callable[..., Handler], s3: S3Server) -> None:
    s3.faults["adder.onnx"] = Fault(times=1, cut_after=40)
    assert ask(start())[0] == 200


@pytest.mark.fault(
    "S3",
    "the model has another sha256 than is pinned",
    "503 ModelVerificationError",
    "the model's sha256 is ",
    AGAIN,
)
def test_wrong_sha256(
    start: Callable[..., Handler], s3: S3Server, fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    pinned = sha256(make_adder()).hexdigest()
    s3.put("models", "adder.onnx", make_adder("other"))
    handler = start(FLOWER + f'sha256 = "{pinned}"\n')
    body = check_fault(fault, handler, caplog)
    assert pinned in body["detail"]
    s3.put("models", "adder.onnx", make_adder())
    assert ask_until_served(handler) == {"sum": 8.6}


def test_pinned_sha256_and_version_id(start: Callable[..., Handler], s3: S3Server) -> None:
    """`?versionId=` gets the version that it names, not the newest."""
    pinned = sha256(make_adder()).hexdigest()
    s3.put("models", "adder.onnx", b"newer and broken")
    toml = FLOWER.replace('"adder.onnx"', '"s3://models/adder.onnx?versionId=v1"')
    assert ask(start(toml + f'sha256 = "{pinned}"\n'))[0] == 200


@pytest.mark.fault(
    "S3",
    "the model is cut off",
    "503 ModelLoadError",
    "onnxruntime",
    AGAIN,
)
def test_truncated_model(
    start: Callable[..., Handler], s3: S3Server, fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    s3.put("models", "adder.onnx", make_adder()[:-30])
    handler = start()
    check_fault(fault, handler, caplog)
    s3.put("models", "adder.onnx", make_adder())
    assert ask_until_served(handler) == {"sum": 8.6}


def test_prefix_of_many_files(start: Callable[..., Handler], s3: S3Server) -> None:
    """A prefix comes as a folder, over several pages of the listing, subfolders too."""
    s3.page_size = 3
    s3.put("models", "set/7/model.onnx", make_adder())
    for number in range(7):
        s3.put("models", f"set/7/parts/{number}.txt", str(number).encode())
    s3.put("models", "set/70/other.txt", b"not below the prefix")
    code = CODE + (
        "    def load(self, local_file_name):\n"
        "        from pathlib import Path\n"
        "        folder = Path(local_file_name)\n"
        "        assert folder.name == '7', folder\n"
        "        texts = sorted(p.read_text() for p in folder.rglob('*.txt'))\n"
        "        assert texts == list('0123456'), texts\n"
    )
    assert ask(start(FLOWER.replace("adder.onnx", "set/7/"), code))[:2] == (200, {"sum": 8.6})


@pytest.mark.fault(
    "S3",
    "the model's prefix has no object",
    "503 ModelFetchError",
    "no object below it",
    AGAIN,
)
def test_prefix_that_is_empty(
    start: Callable[..., Handler], fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    handler = start(FLOWER.replace("adder.onnx", "none/here/"))
    check_fault(fault, handler, caplog)


def test_prefix_with_folders_of_the_console(start: Callable[..., Handler], s3: S3Server) -> None:
    """Its "Create folder" leaves empty objects like `set/`: no files. An empty file is one."""
    for key in ("set/", "set/sub/", "set/nothing_in_it/", "set/sub/empty.txt"):
        s3.put("models", key, b"")
    s3.put("models", "set/model.onnx", make_adder())
    code = CODE + (
        "    def load(self, local_file_name):\n"
        "        from pathlib import Path\n"
        "        found = [p for p in Path(local_file_name).rglob('*') if p.is_file()]\n"
        "        names = sorted(p.relative_to(local_file_name).as_posix() for p in found)\n"
        "        assert names == ['model.onnx', 'sub/empty.txt'], names\n"
    )
    assert ask(start(FLOWER.replace("adder.onnx", "set/"), code))[:2] == (200, {"sum": 8.6})


@pytest.mark.parametrize("marks", [["set/"], ["set/", "set/sub/"]])
def test_prefix_of_folders_alone(
    start: Callable[..., Handler],
    s3: S3Server,
    caplog: pytest.LogCaptureFixture,
    marks: list[str],
) -> None:
    for key in marks:
        s3.put("models", key, b"")
    handler = start(FLOWER.replace("adder.onnx", "set/"))
    check_unavailable(handler, "ModelFetchError", caplog, "no object below it")


@pytest.mark.parametrize("key", [LISTING, "set/model.onnx"])
@pytest.mark.fault(
    "disk",
    "one file of a prefix, or the listing, is refused",
    "503 ModelFetchError",
    "AccessDenied",
    "what came before is removed from /tmp; a later request tries again",
)
def test_prefix_leaves_nothing_half(
    start: Callable[..., Handler],
    s3: S3Server,
    tmp_path: Path,
    fault: Row,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    for name in ("a.txt", "b.txt", "model.onnx"):
        s3.put("models", f"set/{name}", make_adder())
    s3.faults[key] = access_denied()
    handler = start(FLOWER.replace("adder.onnx", "set/"))
    check_fault(fault, handler, caplog)
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []
    s3.faults.clear()
    assert ask_until_served(handler) == {"sum": 8.6}


BROKEN_CODE = {
    "preprocess.py is no Python": (
        "class Preprocess:\n    def broken(self)\n",
        "preprocess.py, line 2: SyntaxError",
    ),
    "preprocess.py imports a library that is not there": (
        "import no_such_library\n",
        "there is no module 'no_such_library': list its package in the",
    ),
    "preprocess.py has no class Preprocess": (
        "class preprocess: pass\n",
        "expected a class named 'Preprocess', found none",
    ),
    "__init__ raises": (
        "class Preprocess:\n    def __init__(self): self.x.y\n",
        "AttributeError in __init__",
    ),
    "preprocess.py ends the process by SystemExit": (
        "raise SystemExit(3)\n",
        "SystemExit in import",
    ),
    "preprocess.py raises CancelledError": (
        "import asyncio\nraise asyncio.CancelledError\n",
        "CancelledError in import",
    ),
}


@pytest.mark.parametrize("how", BROKEN_CODE)
def test_broken_user_code(
    start: Callable[..., Handler], caplog: pytest.LogCaptureFixture, how: str
) -> None:
    code, detail = BROKEN_CODE[how]
    body = check_unavailable(start(code=code), "UserCodeLoadError", caplog, detail)
    assert detail in body["detail"]


@pytest.mark.parametrize("model", ["set/", "big.bin"])
def test_broken_user_code_leaves_no_model(
    start: Callable[..., Handler], s3: S3Server, tmp_path: Path, model: str
) -> None:
    """Each try fetches anew: what the one before fetched, on disk or on its way, is gone."""
    s3.put("models", "set/model.onnx", make_adder())
    s3.put("models", "big.bin", bytes(40 * 1024 * 1024))
    code = "class Preprocess:\n    def __init__(self): raise OSError('no')\n"
    handler = start(FLOWER.replace("adder.onnx", model), code)
    assert ask(handler)[0] == 503
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []
    for name in ("model-fetch", "model-download"):  # the first starts the second
        threads = [thread for thread in threading.enumerate() if thread.name == name]
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    ("load", "cause"),
    [
        ("def load(self, local_file_name):\n        1 / 0", "ZeroDivisionError"),
        (
            "async def load(self, local_file_name):\n"
            "        import asyncio\n"
            "        raise asyncio.CancelledError",
            "CancelledError",
        ),
    ],
)
@pytest.mark.fault(
    "user code",
    "load raises",
    "503 ModelLoadError",
    "Traceback",
    AGAIN,
)
def test_load_that_raises(
    start: Callable[..., Handler],
    fault: Row,
    caplog: pytest.LogCaptureFixture,
    load: str,
    cause: str,
) -> None:
    code = f"class Preprocess:\n    {load}\n"
    assert cause in str(check_fault(fault, start(code=code), caplog)) + caplog.text


@pytest.mark.parametrize(
    ("code", "type_name"),
    [
        ("import joblib\n", "UserCodeLoadError"),
        (
            "class Preprocess:\n    def __init__(self):\n        import joblib\n",
            "UserCodeLoadError",
        ),
        ("class Preprocess:\n    def load(self, path):\n        import joblib\n", "ModelLoadError"),
    ],
)
def test_a_library_that_code_needs_names_its_layer(
    start: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    type_name: str,
) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)  # Python's own way to say: not to be found
    body = check_unavailable(
        start(FLOWER.replace('= "onnx"', '= "custom"'), code), type_name, caplog
    )
    assert "there is no module 'joblib': attach the layer 'engine_sklearn'" in body["detail"]


@pytest.mark.fault(
    "user code",
    "an error inside the engine's library while it loads",
    "503 ModelLoadError",
    "UnicodeError while version 1 was loaded",
    AGAIN,
)
def test_a_model_that_its_engine_chokes_on(
    start: Callable[..., Handler], fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of a library's own neither ends the cold start nor is it tried at every request."""
    code = (
        "class Odd:\n    def get_inputs(self):\n        raise UnicodeError('/secret')\n"
        "class Preprocess:\n    def load(self, local_file_name):\n        return Odd()\n"
    )
    handler = start(code=code)
    body = check_fault(fault, handler, caplog)
    assert body["detail"].startswith("UnicodeError while version 1 was loaded")


@pytest.mark.fault(
    "settings",
    "endpoint.toml has a wrong value",
    "503 SettingsError",
    "engine: expected one of onnx",
    AGAIN,
)
def test_broken_settings(
    start: Callable[..., Handler], fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    handler = start(FLOWER.replace('"onnx"', '"tensorflow"'))
    body = check_fault(fault, handler, caplog)
    assert "engine: expected one of onnx" in body["detail"]
    assert "'tensorflow'" in body["detail"]


@pytest.mark.fault(
    "settings",
    "a number in the environment is none",
    "503 SettingsError",
    "SERVING_MAX_BODY_BYTES: expected a whole number above 0, got '10MB'",
    "health/live answers 200; under SnapStart the init fails",
)
def test_wrong_number_in_the_environment(
    start: Callable[..., Handler], fault: Row, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"SERVING_MAX_BODY_BYTES": "10MB"}
    handler = start(**wrong)
    body = check_fault(fault, handler, caplog)
    assert body["detail"] == "SERVING_MAX_BODY_BYTES: expected a whole number above 0, got '10MB'"
    assert handler(load_event("http_health_live"))["statusCode"] == 200
    assert handler(load_event("http_metadata"))["statusCode"] == 503
    with pytest.raises(Exception, match="SERVING_MAX_BODY_BYTES"):
        start(**wrong, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")


@pytest.mark.parametrize("kind", ["snap-start", "provisioned-concurrency"])
def test_failed_load_fails_the_init(start: Callable[..., Handler], s3: S3Server, kind: str) -> None:
    """A deployment must fail, not publish a broken version."""
    del s3.buckets["models"]["adder.onnx"]
    with pytest.raises(Exception, match="the model is not there"):
        start(AWS_LAMBDA_INITIALIZATION_TYPE=kind)


def test_backoff_spares_the_store(start: Callable[..., Handler], s3: S3Server) -> None:
    """Between two tries requests are answered at once, without a fetch."""
    del s3.buckets["models"]["adder.onnx"]
    handler = start()
    for _ in range(5):
        assert ask(handler)[0] == 503
    assert s3.count()["GET", "adder.onnx"] <= 2


def test_health_tells_live_from_ready(start: Callable[..., Handler], s3: S3Server) -> None:
    model = s3.buckets["models"].pop("adder.onnx")
    handler = start()
    assert handler(load_event("http_health_live"))["statusCode"] == 200
    ready = handler(load_event("http_health_ready"))
    assert (ready["statusCode"], json.loads(ready["body"])["type"]) == (503, "ModelFetchError")
    s3.buckets["models"]["adder.onnx"] = model
    ask_until_served(handler)
    assert handler(load_event("http_health_ready"))["statusCode"] == 200

"""The command `lambda-serving dev`: its options, reload on save, and how it ends."""

import json
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from lambda_serving_cli.dev_server.credentials import SessionCredentials, find_region
from tests.conftest import ADDER_CODE, PROJECT
from tests.events import list_endpoints
from tests.models import make_adder
from tests.servers import forked
from tests.servers.dev_endpoints import DOUBLE, UNLOADED
from tests.servers.dev_server import COMMAND, DevServer, clean_environment, wait_for, write_endpoint
from tests.servers.s3 import S3Server

CUSTOM = 'engine = "custom"'
ANSWER = """
import helper

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        return {{"answer": "{mark}" + helper.MARK}}
"""
SLOW = """
import time

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        time.sleep(60)
"""
PRINTS = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        print("printed by user code")
        if not data:
            raise ValueError("nothing came")
        return data
"""


def run_command(cwd: Path, *options: str) -> str:
    """What the command says that ends at once, as it must."""
    done = forked.run(
        [*COMMAND, *options], cwd=cwd, env=clean_environment(), text=True, timeout=60,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_what_cannot_be_followed_is_told(tmp_path: Path) -> None:
    missing = run_command(tmp_path)
    assert f"there is no folder {tmp_path / 'functions'}" in missing and "--functions" in missing
    (tmp_path / "functions").mkdir()
    assert "--models: there is no folder './absent'" in run_command(
        tmp_path, "--models", "./absent"
    )
    assert "cannot listen at" in run_command(tmp_path, "--models", ".", "--host", "no.such.host.")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = run_command(tmp_path, "--models", ".", "--port", port)
    assert f"port {port} is taken" in busy and "--port" in busy


def test_reload_on_save(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    write_endpoint(functions, "one", CUSTOM, ANSWER.format(mark="a"), helper="MARK = '1'")
    with DevServer(functions, tmp_path, tmp_path / "log", is_quick=True) as server:
        assert server.ask("one") == {"answer": "a1"}

        def answers(text: str) -> None:
            wait_for(
                lambda: (
                    server.post("one").text == json.dumps({"answer": text}, separators=(",", ":"))
                ),
                text,
            )

        code = functions / "one" / "preprocess.py"
        code.write_text(ANSWER.format(mark="b"))  # as long as before, and soon after it
        answers("b1")
        (functions / "one" / "helper.py").write_text("MARK = '2'")
        answers("b2")
        code.write_text("class Preprocess(:")
        wait_for(lambda: server.post("one").status_code == 503, "the broken code")
        code.write_text(ANSWER.format(mark="c"))
        answers("c2")
        (functions / "one" / "endpoint.toml").write_text('endpoint = "one"\nengine = "abacus"')
        wait_for(lambda: "abacus" in server.list()["one"]["state"], "the broken settings")
        for name in ("two", "three", "four", "five"):  # files as fast as a copy writes them
            write_endpoint(functions, name, CUSTOM, DOUBLE)
            wait_for(lambda: server.post(name, {"x": 2}).text == '{"y":4}', f"endpoint {name}")  # noqa: B023


@pytest.mark.parametrize(
    ("options", "to"), [((), "group"), ((), "process"), (("--no-reload",), "process")]
)
def test_interrupt(tmp_path: Path, options: tuple[str, ...], to: str) -> None:
    """Unloads every endpoint and leaves no process, whatever user code still does."""
    functions = tmp_path / "functions"
    for name, define in (("sync", "def"), ("async", "async def")):
        code = UNLOADED.format(define=define, folder=tmp_path)
        write_endpoint(
            functions, f"unloaded_{name}", f'engine = "custom_{name}"'.replace("_sync", ""), code
        )
    write_endpoint(functions, "slow", CUSTOM, SLOW)
    with DevServer(functions, tmp_path, tmp_path / "log", *options) as server:
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(
                httpx.post(f"{server.http.base_url}/serve/slow", timeout=60).status_code
            )

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: server.list(), "an answer beside the slow one")
        time.sleep(0.3)
        started = time.monotonic()
        if to == "group":
            server.interrupt()
        else:
            server.process.send_signal(signal.SIGINT)
        wait_for(lambda: not server.is_alive(), "the end of every process")
        assert time.monotonic() - started < 15
        asking.join(10)
        assert statuses == [503]
        assert server.process.returncode == 0
        assert (tmp_path / "unloaded_sync").exists() and (tmp_path / "unloaded_async").exists()
        assert "Traceback" not in server.log


def test_the_server_ends_with_the_process_that_watches_it(tmp_path: Path) -> None:
    write_endpoint(tmp_path / "functions", "one", CUSTOM, DOUBLE)
    with DevServer(tmp_path / "functions", tmp_path, tmp_path / "log") as server:
        server.process.kill()
        wait_for(lambda: not server.is_alive(), "the end of every process")


def test_models_in_s3(tmp_path: Path) -> None:
    """A model that is not there yet is found later, without a restart."""
    functions = tmp_path / "functions"
    write_endpoint(functions, "adder", 'engine = "onnx"\nmodel = "add/1/adder.onnx"', ADDER_CODE)
    secrets = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
    }
    with S3Server() as s3:
        s3.put("models", "other", b"")
        env = secrets | {"AWS_ENDPOINT_URL": s3.endpoint}
        with DevServer(
            functions, "s3://models", tmp_path / "log", env=env, is_quick=True
        ) as server:
            assert "with models of the bucket models" in server.log
            assert "the model is not there [s3://models/add/1/adder.onnx]" in server.log
            assert server.post("adder", {"a": 1, "b": 2}).status_code == 503
            s3.put("models", "add/1/adder.onnx", make_adder())
            answered = wait_for(
                lambda: server.post("adder", {"a": 1, "b": 2}).text == '{"sum":3.0}', "the model"
            )
            assert answered and server.list()["adder"]["state"] == "ready"


def test_credentials_are_those_of_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text("[profile work]\nregion = eu-north-1\n")
    (tmp_path / "keys").write_text("[work]\naws_access_key_id = k\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert dict(SessionCredentials()) == {"access_key_id": "k", "secret_access_key": "s"}
    assert find_region() == "eu-north-1"
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert dict(SessionCredentials()) == {}
    assert find_region() == "us-east-1"


def test_the_projects_own_endpoints(example_models: Path, tmp_path: Path) -> None:
    """All of functions/, found without an option: iris by each engine, and by pipelines."""
    flower = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    with DevServer(None, None, tmp_path / "log", cwd=PROJECT / "docs", is_quick=True) as server:
        listed = {name: each for name, each in server.list().items() if name in list_endpoints()}
        assert {each["state"] for each in listed.values()} == {"ready"}
        for name in set(listed) - {"filetype"}:
            assert server.ask(name, flower)["species"] == "setosa", name
        text = server.http.post("/serve/filetype", content=(PROJECT / "README.md").read_bytes())
        assert text.json()["label"] == "markdown"
        for name in ("iris_ensemble", "iris_ensemble_threads"):
            if name in listed:
                assert server.ask(name, flower)["left_out"] == []


@pytest.mark.parametrize("options", [(), ("--no-reload",)])
def test_records_as_json(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Standard output holds them and nothing else, whatever user code prints."""
    functions, records = tmp_path / "functions", tmp_path / "records"
    write_endpoint(functions, "prints", CUSTOM, PRINTS)
    (tmp_path / "models").mkdir()
    with DevServer(
        functions, tmp_path / "models", tmp_path / "log", "--json", *options, stdout=records
    ) as server:
        assert server.ask("prints", {"x": 1}) == {"x": 1}
        assert server.post("prints").status_code == 422
        assert "printed by user code" in server.log
    good, wrong = [json.loads(line) for line in records.read_text().splitlines()]
    assert (good["Endpoint"], good["Count"], "ErrorType" in good) == ("prints", 1, False)
    assert (wrong["Endpoint"], wrong["ErrorType"]) == ("prints", "ValueError")

"""The command `lambda-serving dev`: its options, reload on save, and how it ends."""

import json
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from lambda_serving_cli.aws.local_stack import LocalStack
from lambda_serving_cli.dev_server.credentials import SessionCredentials, find_region
from tests.conftest import ADDER_CODE, PROJECT
from tests.events import list_endpoints
from tests.models import make_adder
from tests.registry import Registry
from tests.servers.dev_endpoints import DOUBLE, OWN, UNLOADED, write_wheel
from tests.servers.dev_server import DevServer, wait_for, write_endpoint
from tests.servers.program import run_here
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
from pathlib import Path

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        Path(r"{folder}", "begun").touch()
        time.sleep(60)
"""
STEADY = """
from pathlib import Path

class Preprocess:
    def __init__(self):
        self.made = id(self)

    def unload(self):
        Path(r"{folder}", "steady").write_text("unloaded")

    def process(self, data, state, collect_custom_statistics_fn=None):
        return {{"made": self.made}}
"""
TEMPLATE = f"""
Resources:
  Runtime:
    Type: AWS::Serverless::LayerVersion
    Properties:
      ContentUri: {PROJECT}/layers/runtime
  There:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${{AWS::StackName}}-there
      Layers: [!Ref Runtime]
Outputs:
  Function:
    Value: !Ref There
"""
"""A function that lacks the layer of its engine."""
PRINTS = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        print("printed by user code")
        if not data:
            raise ValueError("nothing came")
        if "call" in data:
            return {"answer": self.send_request(data["call"])}
        return data
"""


def run_command(cwd: Path, *options: str) -> str:
    """What the command says that ends at once, as it must."""
    done = run_here(cwd, "dev", *options)
    assert done.exit_code == 1, done.output
    return done.output


def test_what_cannot_be_followed_is_told(tmp_path: Path) -> None:
    missing = run_command(tmp_path)
    assert f"there is no folder {tmp_path / 'functions'}" in missing and "--functions" in missing
    write_endpoint(tmp_path / "functions", "one", CUSTOM, DOUBLE)
    unknown = run_command(tmp_path, "one", "two")
    assert "there is no endpoint 'two' in" in unknown and "there are: one" in unknown
    assert "--models: there is no folder './absent'" in run_command(
        tmp_path, "--models", "./absent"
    )
    assert "cannot listen at" in run_command(tmp_path, "--models", ".", "--host", "no.such.host.")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = run_command(tmp_path, "--models", ".", "--port", port)
    assert f"port {port} is taken" in busy and "--port" in busy


def test_reload_on_save(tmp_path: Path) -> None:
    """Of the endpoint that the file belongs to, and of no other."""
    functions = tmp_path / "functions"
    write_endpoint(functions, "one", CUSTOM, ANSWER.format(mark="a"), helper="MARK = '1'")
    write_endpoint(functions, "steady", CUSTOM, STEADY.format(folder=tmp_path))
    with DevServer(functions, tmp_path, tmp_path / "log") as server:
        assert server.ask("one") == {"answer": "a1"}
        steady = server.ask("steady")

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
        assert server.ask("steady") == steady and not (tmp_path / "steady").exists()
        requirement = write_wheel(functions / "steady", "new")
        (functions / "steady" / "requirements.txt").write_text(requirement)
        (functions / "steady" / "preprocess.py").write_text(OWN)
        wait_for(lambda: server.post("steady").json().get("package") == "new", "the packages")
        assert (tmp_path / "steady").exists()  # unloaded where it was before
        shutil.rmtree(functions / "two")
        wait_for(lambda: server.post("two").status_code == 404, "the end of endpoint two")


@pytest.mark.parametrize(("options", "to"), [((), "group"), (("--no-reload",), "process")])
def test_interrupt(tmp_path: Path, options: tuple[str, ...], to: str) -> None:
    """Unloads every endpoint and leaves no process, whatever user code still does."""
    functions = tmp_path / "functions"
    for name, define in (("sync", "def"), ("async", "async def")):
        code = UNLOADED.format(define=define, folder=tmp_path)
        write_endpoint(
            functions, f"unloaded_{name}", f'engine = "custom_{name}"'.replace("_sync", ""), code
        )
    write_endpoint(functions, "slow", CUSTOM, SLOW.format(folder=tmp_path))
    with DevServer(functions, tmp_path, tmp_path / "log", *options) as server:
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(
                httpx.post(f"{server.http.base_url}/serve/slow", timeout=60).status_code
            )

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: server.list(), "an answer beside the slow one")
        wait_for((tmp_path / "begun").exists, "the slow request")
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


def test_models_in_s3(tmp_path: Path) -> None:
    """A model that is not there yet is found later, without a restart.

    And however the server ends, its workers end with it.
    """
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
        with DevServer(functions, "s3://models", tmp_path / "log", env=env) as server:
            assert "with models of the bucket models" in server.log
            assert "the model is not there [s3://models/add/1/adder.onnx]" in server.log
            assert server.post("adder", {"a": 1, "b": 2}).status_code == 503
            s3.put("models", "add/1/adder.onnx", make_adder())
            answered = wait_for(
                lambda: server.post("adder", {"a": 1, "b": 2}).text == '{"sum":3.0}', "the model"
            )
            assert answered and server.list()["adder"]["state"] == "ready"
            server.process.kill()
            wait_for(lambda: not server.is_alive(), "the end of the workers, too")


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
    with DevServer(None, None, tmp_path / "log", cwd=PROJECT / "docs") as server:
        listed = {name: each for name, each in server.list().items() if name in list_endpoints()}
        assert {each["state"] for each in listed.values()} == {"ready"}
        for name in set(listed) - {"filetype"}:
            assert server.ask(name, flower)["species"] == "setosa", name
        text = server.http.post("/serve/filetype", content=(PROJECT / "README.md").read_bytes())
        assert text.json()["label"] == "markdown"
        for name in ("iris_ensemble", "iris_ensemble_threads"):
            if name in listed:
                assert server.ask(name, flower)["left_out"] == []


def test_records_as_json(tmp_path: Path) -> None:
    """Standard output holds them and nothing else, whatever user code prints.

    An endpoint that is not named is not there, for callers from outside and from inside.
    """
    functions, records = tmp_path / "functions", tmp_path / "records"
    write_endpoint(functions, "prints", CUSTOM + '\ncalls = ["other"]', PRINTS)
    write_endpoint(functions, "other", CUSTOM, DOUBLE)
    (tmp_path / "models").mkdir()
    with DevServer(
        functions, tmp_path / "models", tmp_path / "log", "--json", "prints", stdout=records
    ) as server:
        assert server.ask("prints", {"x": 1}) == {"x": 1}
        assert server.post("prints").status_code == 422
        assert "printed by user code" in server.log
        assert list(server.list()) == ["prints"]
        missing = server.post("other")
        told = "there is no endpoint 'other'; there are prints; other is not served"
        assert missing.status_code == 404 and missing.json()["detail"].startswith(told)
        assert server.ask("prints", {"call": "other"}) == {"answer": None}
        assert f"send_request to other failed: NoSuchEndpoint: {told}" in server.log
    found = [json.loads(line) for line in records.read_text().splitlines()]
    good, wrong = [each for each in found if "FailedCalls" not in each][:2]
    assert (good["Endpoint"], good["Count"], "ErrorType" in good) == ("prints", 1, False)
    assert (wrong["Endpoint"], wrong["ErrorType"]) == ("prints", "ValueError")


def test_the_local_cloud_that_runs(tmp_path: Path) -> None:
    """Its registry, and what of the models is not in the folder: found without an option.

    And a function has the layers that the template gives it, no more, also after a change.
    """
    functions, state = tmp_path / "functions", tmp_path / ".local"
    follows = 'engine = "onnx"\n[auto_update]\nproject = "examples"\nname = "adder"'
    write_endpoint(functions, "follows", follows, ADDER_CODE)
    for name in ("here", "there", "later"):
        write_endpoint(functions, name, f'engine = "onnx"\nmodel = "{name}.onnx"', ADDER_CODE)
    registry = Registry(tmp_path / "bucket")
    registry.publish(make_adder(add=1))
    (state / "models").mkdir(parents=True)
    (state / "models" / "here.onnx").write_bytes(make_adder(add=2))
    (state / "environments").symlink_to(PROJECT / ".local" / "environments")
    with S3Server() as s3:
        s3.put_folder("models", tmp_path / "bucket")
        s3.put("models", "there.onnx", make_adder(add=3))
        stack = LocalStack(
            "http://127.0.0.1:1", s3.endpoint, "us-east-1", "lambda-serving", "models", {}
        )
        stack.write(state)
        with DevServer(None, None, tmp_path / "log", cwd=tmp_path) as server:
            assert f"and of the local cloud at {s3.endpoint}" in server.log
            sums = {
                name: server.ask(name, {"a": 1, "b": 2})["sum"]
                for name in ("follows", "here", "there")
            }
            assert sums == {"follows": 4.0, "here": 5.0, "there": 6.0}
            assert "the model is not there" in server.list()["later"]["state"]
            (state / "models" / "later.onnx").write_bytes(make_adder(add=4))
            wait_for(
                lambda: server.post("later", {"a": 1, "b": 2}).text == '{"sum":7.0}', "a model"
            )
            (tmp_path / "template.yaml").write_text(TEMPLATE)
            wait_for(lambda: "engine_onnx" in server.list()["there"]["state"], "the missing layer")
            assert server.ask("here", {"a": 1, "b": 2}) == {"sum": 5.0}

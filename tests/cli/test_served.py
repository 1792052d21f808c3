"""What the commands make answers requests, by the dev server."""

import shutil
from pathlib import Path

from tests.cli.conftest import Copy
from tests.events import load_event
from tests.servers.built import PROJECT
from tests.servers.dev_server import DevServer


def test_new_endpoints_answer(project: Copy, example_models: Path, tmp_path: Path) -> None:
    shutil.rmtree(project.root / "functions")
    code = PROJECT / "functions" / "iris_onnx"
    model = example_models / "iris_onnx" / "1" / "model.onnx"
    for engine in ("custom", "custom_async"):
        project.do("new", engine, "--engine", engine)
    add = ("model", "add", "--engine", "triton", "--endpoint", "flowers", "--model", str(model))
    project.do(*add, "--preprocess", str(code / "preprocess.py"))
    project.do(*add, "--preprocess", str(code), "--version", "2")
    shares = ("--weights", "0.5", "0.5", "--input-endpoints", "flowers/1", "flowers/2")
    project.do("model", "canary", "--endpoint", "either", *shares)
    models = project.root / ".local" / "models"
    with DevServer(project.root / "functions", models, tmp_path / "log") as server:
        for name in ("custom", "custom_async"):
            assert server.ask(name, {"x0": 1, "x1": 2}) == {"y": 3.0}
            assert server.post(name, {"x0": 1}).status_code == 422
        for path in ("flowers", "flowers/1", "flowers/2", "either"):
            assert server.ask(path, load_event("invoke_iris_onnx"))["species"] == "virginica"

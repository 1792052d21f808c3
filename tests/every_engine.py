"""An endpoint of every engine with the real handler, all in one process: for fuzz and soak."""

import importlib
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

from tests.conftest import Handler
from tests.contract.engines import ENGINE_CASES, EngineCase
from tests.leaks import KEYS

ENGINES = {case.name: case for case in ENGINE_CASES if case.name != "triton"}  # which is onnx
CODE = """
{imports}

class Preprocess:
    {define} preprocess(self, body, state, collect):
        collect({{"size": len(body), "kind": type(body).__name__}})
        if isinstance(body, dict):
            collect(dict.fromkeys(body, 1) | {{"own": body.get("own")}})
        if not isinstance(body, dict) or not {{"a", "b"}} <= body.keys():
            return body
        if body["a"] == "raise":
            raise OSError("/var/task/secret")
        try:
            return {rows}
        except (TypeError, OverflowError) as error:
            raise ValueError("a and b must be numbers") from error
{process}
"""
PROCESS = """
    {define} process(self, data, state, collect):
        return data
"""
TOML = """
endpoint = "{name}"
engine = "{engine}"
model = "{model}"
sha256 = "{sha256}"
[metrics.variables.size]
type = "scalar"
[metrics.variables.kind]
type = "enum"
values = ["dict", "bytes"]
[metrics.variables.a]
type = "value"
"""


def write_endpoint(folder: Path, case: EngineCase, name: str, more: str = "") -> dict[str, str]:
    """Write an endpoint and its model; gives its settings.

    The numbers ``a`` and ``b`` of a body are the model's input; a body without them goes to the
    engine as it is.
    """
    code, models = folder / "task", folder / "models"
    for each in (code, models):
        each.mkdir(parents=True)
    case.make(models / case.model)
    define = "async def" if case.name == "custom_async" else "def"
    process = PROCESS.format(define=define) if case.process == "required" else ""
    text = CODE.format(imports=case.imports, rows=case.rows, define=define, process=process)
    (code / "preprocess.py").write_text(text)
    digest = sha256((models / case.model).read_bytes()).hexdigest()
    toml = TOML.format(name=name, engine=case.name, model=case.model, sha256=digest)
    (code / "endpoint.toml").write_text(toml + more)
    return {
        "LAMBDA_TASK_ROOT": str(code),
        "SERVING_MODEL_BUCKET": f"file://{models}",
        "SERVING_SCRATCH": str(folder / "scratch"),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        **KEYS,
    }


def start(settings: dict[str, str]) -> Handler:
    """Cold start with these settings alone."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SERVING_"))]:
        del os.environ[name]
    os.environ |= settings
    for name in ("lambda_serving.handler", "preprocess"):
        sys.modules.pop(name, None)
    module = importlib.import_module("lambda_serving.handler")
    context = SimpleNamespace(
        aws_request_id="2f1d6a4e-0000-4000-8000-000000000001",
        function_name="any",
        get_remaining_time_in_millis=lambda: 29_000,
    )
    return lambda event: module.lambda_handler(event, context)

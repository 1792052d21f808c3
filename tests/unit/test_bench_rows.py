"""What the benchmark measures: its modules find what they name, and rows are alike."""

import ast
import json
import subprocess
import sys
import sysconfig
from graphlib import TopologicalSorter
from pathlib import Path
from pkgutil import resolve_name

import pytest

from bench import hot_path, records
from tests.conftest import PROJECT
from tests.events import load_event
from tests.servers.lambda_process import HANDLER
from tests.unit.test_imports import read_imports

BENCH = PROJECT / "bench"
MODULES = {f"bench.{file.stem}": file for file in BENCH.glob("*.py")}


def test_modules_import_each_other_in_no_circle() -> None:
    """A module named like one of the standard library counts: a reader cannot tell them apart."""
    imports = {}
    for module, file in MODULES.items():
        names = read_imports(file)
        imports[module] = MODULES.keys() & (names | {f"bench.{name}" for name in names})
    assert "bench.findings" in imports["bench.targets"]
    TopologicalSorter(imports).prepare()


def list_measured() -> set[str]:
    """Whatever of ours the bench imports, and what its bootstrap puts a clock around."""
    names = {name for file in BENCH.rglob("*.py") for name in read_imports(file)}
    tree = ast.parse((BENCH / "bootstrap.py").read_text())
    [stages] = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STAGES"
    ]
    names |= {f"{module}.{path}" for module, paths in stages.items() for path in paths}
    return {name for name in names if name.startswith("lambda_serving")}


@pytest.mark.parametrize("name", sorted(list_measured()))
def test_what_is_measured_is_there(name: str) -> None:
    assert resolve_name(name)


ECHO = """
class Preprocess:
    def preprocess(self, body, *_):
        return body

    def process(self, data, *_):
        return data

    def postprocess(self, data, *_):
        return {"species": "virginica"}
"""


@pytest.fixture
def environment(make_folder) -> dict[str, str]:
    """Of an endpoint that answers as iris_onnx does, on the runtime as the repository has it."""
    folder = make_folder('endpoint = "iris_onnx"\nengine = "custom"\n', ECHO)
    return {"LAMBDA_TASK_ROOT": str(folder), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}


@pytest.mark.parametrize("source", ["invoke", "http"])
def test_every_stage_of_a_request_has_a_clock(
    environment: dict[str, str], source: str, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(load_event(f"{source}_iris_onnx")))
    folders = [PROJECT / "layers" / "runtime", sysconfig.get_path("purelib")]
    command = [sys.executable, "-I", "-S", BENCH / "hot_child.py", HANDLER]
    done = subprocess.run(
        [*command, event, *folders],
        input="split 3\n", env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout).keys() == set(hot_path.STAGES)


PROBE = """
from types import SimpleNamespace
from {module} import lambda_handler
context = SimpleNamespace(
    aws_request_id="r", function_name="f", get_remaining_time_in_millis=lambda: 1000
)
for number in range(2):
    lambda_handler({{"sepal_length": 6.3}}, context)
"""


@pytest.mark.parametrize(
    ("module", "is_off"), [("lambda_serving.handler", False), ("handler", True)]
)
def test_records_that_are_compared_are_alike(
    environment: dict[str, str], module: str, is_off: bool
) -> None:
    """Ours and Powertools': one a request, of five metrics and two dimensions. The first of an
    environment has more."""
    environment["PYTHONPATH"] = str(BENCH / "rows" / "powertools")
    environment |= records.DISABLED if is_off else {}
    command = [sys.executable, "-c", PROBE.format(module=module)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    _, record = [json.loads(line) for line in done.stdout.splitlines()]
    directive = record["_aws"]["CloudWatchMetrics"][0]
    assert (len(directive["Metrics"]), len(directive["Dimensions"][0])) == (5, 2)

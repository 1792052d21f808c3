"""A project of real classes: built by `sam build` as users do, beside the layers that are there."""

import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree

from lambda_serving_cli.local_cloud.build import find_architecture
from lambda_serving_cli.local_cloud.layout import find_tool
from tests.servers.built import PROJECT, BuiltFunction, environment_with_uv

FUNCTIONS = Path(__file__).with_name("functions")
LAYERS = {
    "RuntimeLayer": "runtime",
    "EngineOnnxLayer": "engine_onnx",
    "EngineSklearnLayer": "engine_sklearn",
    "EngineXgboostLayer": "engine_xgboost",
    "EngineLightgbmLayer": "engine_lightgbm",
}
ENGINES = {"onnx": "onnx", "triton": "onnx", "custom": "", "custom_async": ""}
"""Engine -> whose layer it has, where that is not its name."""

HEAD = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.13
    Handler: lambda_serving.handler.lambda_handler
    Layers: [!Ref RuntimeLayer]
Resources:
"""
LAYER = """\
  {name}:
    Type: AWS::Serverless::LayerVersion
    Properties:
      ContentUri: layers/{folder}
"""
FUNCTION = """\
  {name}:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: makefile
      ContextPath: layers
    Properties:
      CodeUri: functions/{endpoint}
      Layers: [{layers}]
"""


def write_project(root: Path, functions: Path = FUNCTIONS) -> dict[str, str]:
    """A project with the functions of a folder; gives endpoint -> its engine's layer or "".

    Its layers have no build method: they are built once for all tests, from the same pins.
    """
    root.mkdir(exist_ok=True)
    (root / ".venv").symlink_to(sys.prefix)  # as `uv sync` makes one
    unneeded = ignore_patterns("__pycache__", "lambda_serving*")
    copytree(PROJECT / "layers", root / "layers", ignore=unneeded)
    copytree(functions, root / "functions", ignore=unneeded)
    layers = [LAYER.format(name=name, folder=folder) for name, folder in LAYERS.items()]
    text, found = HEAD + "".join(layers), {}
    for file in sorted(root.glob("functions/*/endpoint.toml")):
        settings = tomllib.loads(file.read_text())
        name = str(settings["engine"])
        engine = ENGINES.get(name, name)
        layer = f"!Ref Engine{engine.capitalize()}Layer" if engine else ""
        endpoint = file.parent.name
        text += FUNCTION.format(name=name_function(endpoint), endpoint=endpoint, layers=layer)
        found[endpoint] = f"engine_{engine}" if engine else ""
    (root / "template.yaml").write_text(text)
    return found


def name_function(endpoint: str) -> str:
    """The logical id of an endpoint's function."""
    return endpoint.title().replace("_", "")


def run_sam_build(root: Path) -> subprocess.CompletedProcess[str]:
    """Plain `sam build`."""
    return _run([find_tool("sam"), "build", "--parallel"], root)


def run_make(root: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    """What `sam build` calls for one function, without SAM's own seconds."""
    target = root / ".aws-sam" / "build" / name_function(endpoint)
    rmtree(target, ignore_errors=True)
    command = ["make", "--makefile", str(root / "layers" / "Makefile"), f"build-{target.name}"]
    return _run([*command, f"ARTIFACTS_DIR={target}"], root / "functions" / endpoint)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """With what functions install kept for all projects of these tests."""
    environment = environment_with_uv() | {
        "KEPT": str(PROJECT / ".local" / "dependencies"),
        "LAMBDA_ARCHITECTURE": find_architecture(),
        "UV_PYTHON": sys.executable,
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def build_project(root: Path, built: dict[str, BuiltFunction]) -> dict[str, BuiltFunction]:
    """endpoint -> function, with the layers of the functions in ``built``.

    RuntimeError with the log where the build fails.
    """
    engines = write_project(root)
    done = run_sam_build(root)
    if done.returncode:
        raise RuntimeError(f"sam build:\n{done.stdout}\n{done.stderr}"[-3000:])
    runtime, *_ = built["iris_ensemble"].layers
    layers = {
        "": (runtime,),
        "engine_onnx": built["iris_onnx"].layers,
        "engine_sklearn": built["iris_sklearn"].layers,
        "engine_xgboost": built["iris_xgboost"].layers,
        "engine_lightgbm": built["iris_lightgbm"].layers,
    }
    code = root / ".aws-sam" / "build"
    return {
        endpoint: BuiltFunction(endpoint, code / name_function(endpoint), layers[engine])
        for endpoint, engine in engines.items()
    }


def list_packages(folder: Path) -> dict[str, str]:
    """Package -> version of all that was installed into a folder."""
    found = (path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info"))
    return {
        name.replace("_", "-").lower(): version
        for name, _, version in (each.partition("-") for each in found)
    }

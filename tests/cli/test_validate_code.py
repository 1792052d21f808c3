"""`validate` about code, packages, sizes and models: what a deploy would show, told before it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from lambda_serving_cli.local_cloud.build import Build
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.removal import remove_endpoint
from lambda_serving_cli.validation.kinds import recognise_kind
from tests.cli.conftest import Copy, copy_project

CODE, TOML = "functions/filetype/preprocess.py", "functions/filetype/endpoint.toml"
NEEDS = "functions/filetype/requirements.txt"
KEPT = {"filetype", "iris_onnx"}
CALLERS = {"iris_canary", "iris_ensemble", "iris_ensemble_threads"}
"""They go first: what is called cannot go."""
CLASS = (
    "class Preprocess:\n    def process(self, data, state, collect=None):\n        return data\n"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """With two endpoints of this project, for the others take time alone; and with the layers'
    requirements, which tell what the layers bring."""
    small = copy_project(tmp_path_factory.mktemp("small") / "project", "layers")
    others = {path.name for path in (small.root / "functions").iterdir()} - KEPT
    for endpoint in sorted(others, key=lambda name: (name not in CALLERS, name)):
        remove_endpoint(Project(small.root), endpoint, None)
    shutil.rmtree(small.root / ".local", ignore_errors=True)
    return small


@pytest.fixture
def project(small: Copy, tmp_path: Path) -> Copy:
    return small.copy(tmp_path / "project")


def find(project: Copy, *arguments: str) -> list[tuple[str, str]]:
    """(where, problem) of what is found of the endpoint filetype."""
    done = project.run("validate", "--json", *(arguments or ("--no-models",)))
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if findings else 0)
    assert {each["endpoint"] for each in findings} <= {"filetype", "all"}
    return [(each["where"], each["problem"]) for each in findings if each["endpoint"] != "all"]


RESOLVED = {
    "standard library": "import json, os.path\nfrom collections import abc",
    "Lambda's own": "import boto3\nfrom botocore.config import Config",
    "a layer's": "import numpy as np\nfrom onnxruntime import InferenceSession",
    "the runtime's": "from fastapi import HTTPException\nfrom lambda_serving import errors",
    "guarded": "try:\n    import nix\nexcept ImportError:\n    import nix2 as nix",
    "guarded by its subclass": "try:\n    import nix\nexcept (KeyError, ModuleNotFoundError): pass",
    "guarded by anything": "try:\n    import nix\nexcept:\n    nix = None",
    "suppressed": "from contextlib import suppress\nwith suppress(ImportError):\n    import nix",
    "for type checkers": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nix",
    "for type checkers, dotted": "import typing\nif typing.TYPE_CHECKING:\n    from nix import a",
    "a script's": "if __name__ == '__main__':\n    import nix",
    "by version": "import sys\nif sys.version_info < (3, 11):\n    import a\nelse:\n    import b",
    "own module": "import own\nfrom own import thing",
    "own package": "import package.below\nfrom package import below",
    "own package, relative": "from package.relative import x",
    "own folder without __init__": "import bare.inside",
}


@pytest.mark.parametrize("imports", RESOLVED.values(), ids=RESOLVED)
def test_imports_that_are_there(project: Copy, imports: str) -> None:
    project.write("functions/filetype/own.py", "import json")
    project.write("functions/filetype/package/__init__.py", "")
    project.write("functions/filetype/package/below.py", "import own")
    project.write("functions/filetype/package/relative.py", "from . import below\nx = 1")
    project.write("functions/filetype/bare/inside.py", "")
    project.write("functions/filetype/train.py", "import matplotlib  # nobody imports this file")
    project.write(CODE, f"{imports}\n{CLASS}")
    assert find(project) == []


LACKING = "which neither its files, requirements.txt nor its layers have"


@pytest.mark.parametrize(
    ("imports", "where", "problem"),
    [
        ("import nix", "preprocess.py, line 1", f"it imports 'nix', {LACKING}: add what brings it"),
        ("\nfrom nix.a import b", "preprocess.py, line 2", f"it imports 'nix.a', {LACKING}"),
        ("def f():\n    import nix", "preprocess.py, line 2", "it imports 'nix'"),
        ("import own", "own.py, line 1", "it imports 'nix2'"),
        ("from package import below", "package/below.py, line 1", "it imports 'nix3'"),
        ("try:\n    import nix\nexcept KeyError: pass", "preprocess.py, line 2", "imports 'nix'"),
        ("try: pass\nfinally:\n    import nix", "preprocess.py, line 3", "it imports 'nix'"),
        ("import typing\nif not typing.TYPE_CHECKING:\n    x = 1\nimport nix",
         "preprocess.py, line 4", "it imports 'nix'"),
        ("import sklearn.svm", "preprocess.py, line 1", "add !Ref EngineSklearnLayer to"),
        ("import joblib", "preprocess.py, line 1", "add !Ref EngineSklearnLayer to"),
        ("import xgboost", "preprocess.py, line 1", "add !Ref EngineXgboostLayer to the Layers"),
        ("import torch.nn", "preprocess.py, line 1", "torch never fits into a function"),
        ("import pandas", "preprocess.py, line 1", "add what brings it to functions/filetype/requ"),
    ],
)  # fmt: skip
def test_imports_that_nothing_brings(project: Copy, imports: str, where: str, problem: str) -> None:
    project.write("functions/filetype/own.py", "import nix2")
    project.write("functions/filetype/package/__init__.py", "")
    project.write("functions/filetype/package/below.py", "import nix3")
    project.write(CODE, f"{imports}\n{CLASS}")
    [(place, told)] = find(project)
    assert place == where
    assert problem in told


@pytest.mark.parametrize(
    ("needs", "imports", "is_told"),
    [
        (
            "pandas",
            "import pandas, dateutil, nix",
            True,
        ),  # installed here: it is known what it brings
        ("pandas>=2 ; python_version > '3'  # for frames", "import pandas", False),
        ("Pandas[excel] == 3.*", "import pandas", False),
        ("scikit-learn", "import sklearn, scipy", False),  # its dependencies come with it
        ("opencv-python-headless", "import cv2", False),  # not here: nobody knows before the build
        ("-r more.txt", "import pandas", False),
        ("https://example.org/x.whl", "import x", False),
        ("# pandas", "import pandas", True),
    ],
)
def test_what_requirements_bring(project: Copy, needs: str, imports: str, is_told: bool) -> None:
    project.write("functions/filetype/more.txt", "pandas\n")
    project.write(NEEDS, f"{needs}\r\n")
    project.write(CODE, f"{imports}\n{CLASS}")
    assert bool(find(project)) == is_told, find(project)


def make_build(project: Copy, files: dict[str, int], place: str = ".aws-sam/build") -> Path:
    """A build as `sam build` leaves it: files of these sizes, without content."""
    build = project.root / place
    for name, size in files.items():
        path = build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
    text = project.read("template.yaml").replace("CodeUri: functions/", "CodeUri: ")
    (build / "template.yaml").write_text(text.replace("ContentUri: layers/", "ContentUri: "))
    return build


LAYERS = {"runtime/python/lambda_serving/x.py": 1, "engine_onnx/python/numpy/x.so": 1}


def test_what_was_built_tells_as_long_as_it_is_up_to_date(project: Copy) -> None:
    project.write(NEEDS, "opencv-python-headless\n")
    project.write(CODE, f"import cv2, numpy, nix\n{CLASS}")
    assert find(project) == []  # nobody knows yet
    make_build(project, {**LAYERS, "filetype/cv2/cv2.abi3.so": 9, "filetype/preprocess.py": 1})
    [(where, problem)] = find(project)
    assert where == "preprocess.py, line 1" and problem.startswith("it imports 'nix'")
    project.write(CODE, f"import onnxruntime\n{CLASS}")  # which this build's layer lacks
    assert "imports 'onnxruntime'" in find(project)[0][1]
    later = (project.root / ".aws-sam/build/template.yaml").stat().st_mtime + 10
    os.utime(project.root / NEEDS, (later, later))
    assert find(project) == []


@pytest.mark.parametrize(
    ("needs", "library", "way_out"),
    [
        ("torch", "torch never fits", "--to-onnx"),
        ("torchvision==0.3", "torchvision needs torch, which never fits", "--to-onnx"),
        ("Sentence_Transformers", "sentence-transformers needs torch", "the engine onnx runs it"),
        ("tensorflow-cpu>=2", "tensorflow-cpu needs tensorflow, which never fits", "tf2onnx"),
        ("catboost", "catboost never fits into a function (262 MB", 'format="onnx"'),
    ],
)
def test_packages_that_never_fit(project: Copy, needs: str, library: str, way_out: str) -> None:
    project.write(NEEDS, f"numpy\n{needs}\n")
    [(where, problem)] = find(project)
    assert where == "requirements.txt"
    assert library in problem and way_out in problem
    message = project.run("build").stderr.decode()  # which installs nothing of it
    assert f"What went wrong: filetype: {library}" in message and "sam" not in message


@pytest.mark.parametrize(
    ("code", "calls", "problem"),
    [
        ("self.send_request('iris_onnx', data=data)", "", 'calls = ["iris_onnx"], then `lamb'),
        ("self.send_request(endpoint='iris_onnx')", "", 'calls = ["iris_onnx"]'),
        ("self.send_request(state['who'])", "", 'calls = ["other"]'),
        ("map(self.send_request, ['a', 'b'])", "", "it uses send_request"),
        ("self.send_request('nix/2')", 'calls = ["iris_onnx"]\n', "there is no endpoint 'nix'"),
        ("self.send_request('iris_onnx/1')", 'calls = ["iris_onnx"]\n', ""),
        ("self.other_request('nix')", "", ""),
    ],
)
def test_calls_that_nobody_declared(project: Copy, code: str, calls: str, problem: str) -> None:
    project.write(CODE, CLASS.replace("return data", f"return {code}"))
    project.write(TOML, project.read(TOML).replace("model =", f"{calls}model ="))
    found = [(where, told) for where, told in find(project) if where.startswith("preprocess")]
    assert [where for where, _ in found] == (["preprocess.py, line 3"] if problem else [])
    assert all(problem in told for _, told in found)


PACKAGES = {"fastapi": 200, "lambda_serving": 100}


def test_sizes_are_told_where_they_fit(project: Copy) -> None:
    assert project.ask("validate", "--no-models")["sizes"] == []
    files = {
        "filetype/preprocess.py": 10, "filetype/cv2/x.so": 5_000, "filetype/cv2.libs/y": 2_000,
        "runtime/python/lambda_serving/x.py": 100, "runtime/python/fastapi/x.py": 200,
        "engine_onnx/python/numpy/x.so": 40_000, "engine_onnx/lib/libgomp.so": 300,
    }  # fmt: skip
    build = make_build(project, files)
    about = build / "filetype" / "opencv_python_headless-5.0.dist-info"
    about.mkdir()
    (about / "RECORD").write_text("cv2/x.so,sha256=a,1\ncv2.libs/y,,\n../../bin/z,,\n")
    sizes = project.ask("validate", "--no-models")["sizes"]
    [size] = [each for each in sizes if each["endpoint"] == "filetype"]
    record = (about / "RECORD").stat().st_size
    assert size == {
        "endpoint": "filetype", "build": ".aws-sam/build", "fits": True, "limit": 262_144_000,
        "bytes": sum(files.values()) + record,
        "function": {
            "name": "Filetype", "bytes": 7_010 + record,
            "packages": {"opencv-python-headless": 7_000 + record, "your code": 10},
        },
        "layers": [
            {"name": "RuntimeLayer", "bytes": 300, "packages": PACKAGES},
            {"name": "EngineOnnxLayer", "bytes": 40_300, "packages": {"numpy": 40_000, "lib": 300}},
        ],
    }  # fmt: skip
    assert size["function"]["packages"].keys() == {"opencv-python-headless", "your code"}
    text = project.do("validate", "--no-models")
    [row] = [line for line in text.splitlines() if line.startswith("filetype")]
    assert "47.7 kB of 262.1 MB" in row and "numpy 40.0 kB, opencv-python-headless 7.0 kB" in row


def test_the_limit_is_checked_before_a_deploy(project: Copy) -> None:
    files = {"filetype/cv2/x.so": 222_144_000, "engine_onnx/python/numpy/x.so": 40_000_000}
    build = make_build(project, {**files, "runtime/python/lambda_serving/x.py": 0})
    plan = Build(
        project.root, build, build.parent / "cache", build.parent / "build.stamp", "x86_64"
    )
    plan.stamp.write_text(plan.inputs.write())
    assert "the largest is filetype, 262.1 MB of 262.1 MB" in project.do("build")
    assert find(project) == []
    with (build / "filetype/preprocess.py").open("wb") as file:
        file.truncate(1)  # the byte that is too many
    problem = (
        "262.1 MB with its layers, Lambda takes 262.1 MB: function 222.1 MB + RuntimeLayer 0 bytes"
        " + EngineOnnxLayer 40.0 MB; heaviest: cv2 222.1 MB, numpy 40.0 MB"
    )
    assert [told[: len(problem)] for _, told in find(project)] == [problem]
    done = project.run("build")
    assert done.returncode == 1
    assert f"filetype: {problem}" in done.stderr.decode()
    assert "take packages out of requirements.txt" in done.stderr.decode()


HEADS = {
    "onnx": ("model.onnx", b"\x08\x0a\x12\x08skl2onnx"),
    "pickle": ("model.joblib", b"\x80\x04\x95\x0b"),
    "compressed": ("model.pkl", b"\x78\x9c\x00"),
    "xgboost json": ("model.json", b'{"learner":{"attributes":{}'),
    "xgboost ubjson": ("model.ubj", b"{L\0\0\0\0\0\0\0\x07learner{"),
    "lightgbm": ("model.txt", b"tree\nversion=v4\n"),
    "keras": ("model.h5", b"\x89HDF\r\n\x1a\n"),
    "skops": ("model.skops", b"PK\x03\x04"),
    "torch": ("model.pt", b"PK\x03\x04"),
    "unknown": ("model.bin", b"\0\1\2\3\4\5\6\7\x08"),
}
TAKEN = {
    "onnx": {"onnx"},
    "sklearn": {"pickle", "compressed", "skops"},
    "xgboost": {"xgboost json", "xgboost ubjson"},
    "lightgbm": {"lightgbm"},
    "custom": set(HEADS),
}


@pytest.mark.parametrize("engine", TAKEN)
@pytest.mark.parametrize("kind", HEADS)
def test_models_of_another_kind(project: Copy, engine: str, kind: str) -> None:
    name, head = HEADS[kind]
    project.write(CODE, CLASS.replace("process", "preprocess" if engine != "custom" else "process"))
    project.write(
        TOML,
        f'endpoint = "filetype"\nengine = "{engine}"\nmodel = "m/{name}"\nallow_pickle = true\n',
    )
    path = project.root / ".local/models/m" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(head)
    text = project.run("validate", "--json").stdout
    told = [each["problem"] for each in json.loads(text)["findings"] if "load" in each["problem"]]
    assert bool(told) == (kind not in TAKEN[engine] and kind != "unknown"), told
    assert all(f"which the engine {engine} does not load" in each for each in told)
    if told:  # a `load` of one's own may read anything
        project.write(CODE, f"{CLASS}    def load(self, path):\n        return open(path)\n")
        assert b"does not load" not in project.run("validate", "--json").stdout


def test_a_folder_of_files_and_a_model_that_cannot_be_reached(project: Copy) -> None:
    project.write(CODE, CLASS)
    project.write(".local/models/filetype/1/config.json", "{}")
    project.write(".local/models/filetype/1/model.joblib", "\x01")
    problem = (
        "model.joblib is a pickle, which the engine onnx does not load: the engine sklearn does"
    )
    assert problem in find_models(project)
    project.write(".local/models/filetype/1/model.onnx", "\x08\x0a\x12\x08")
    assert find_models(project) == ""
    project.write(TOML, 'endpoint = "filetype"\nengine = "onnx"\nmodel = "s3://other/m.ubj"\n')
    assert "m.ubj is an XGBoost model" in find_models(project)


def find_models(project: Copy) -> str:
    found = json.loads(project.run("validate", "--json").stdout)["findings"]
    return " ".join(each["problem"] for each in found if each["endpoint"] == "filetype")


def test_real_models_are_recognised(example_models: Path) -> None:
    suffixes = {".onnx": "an ONNX model", ".joblib": "a pickle", ".ubj": "an XGBoost model",
                ".txt": "a LightGBM model"}  # fmt: skip
    seen = set()
    for path in example_models.rglob("*.*"):
        if path.suffix in suffixes:
            seen.add(path.suffix)
            assert recognise_kind("unnamed", path.read_bytes()[:64]) == suffixes[path.suffix]
    assert seen == set(suffixes), sorted(path.name for path in example_models.rglob("*"))

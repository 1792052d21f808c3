"""`lambda-serving validate`: everything that is wrong, told at once."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Copy


def find(project: Copy, *arguments: str) -> list[tuple[str, str, str]]:
    """(endpoint, where, problem) of all findings."""
    done = project.run("validate", "--json", *(arguments or ("--no-models",)))
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if findings else 0)
    return [(each["endpoint"], each["where"], each["problem"]) for each in findings]


def test_nothing_is_wrong_here(project: Copy, example_models: Path) -> None:
    shutil.copytree(example_models, project.root / ".local" / "models")
    done = project.type("validate")
    assert done.returncode == 0, done.stdout
    assert b"nothing wrong" in done.stdout


def test_every_error_is_told(project: Copy) -> None:
    project.write(
        "functions/iris_onnx/endpoint.toml",
        'endpoint = "other"\nengine = "abacus"\nsha256 = "x"\nfoo = 1\n'
        '[version."1.1"]\nbar = 2\nmodel = "/"\n[metrics]\nlog_frequency = 2\n',
    )
    told = [(where, text.partition(":")[0]) for name, where, text in find(project)
            if name == "iris_onnx"]  # fmt: skip
    keys = [
        "engine",
        "foo",
        "metrics.log_frequency",
        "sha256",
        "version.1.1.bar",
        "version.1.1.model",
    ]
    assert sorted(key for where, key in told if where == "endpoint.toml") == keys


def test_the_table_is_readable(project: Copy) -> None:
    project.write("functions/filetype/endpoint.toml", "endpoint =")
    done = project.run("validate", "--no-models")
    [row] = [line for line in done.stdout.decode().splitlines() if "not TOML" in line]
    assert row.split()[:2] == ["filetype", "endpoint.toml"]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("functions/filetype/endpoint.toml", '"filetype"', '"other"', "its folder 'filetype'"),
        ("functions/filetype/endpoint.toml", "model =", "preprocess = 'v1.py'\nmodel =", "'v1.py'"),
        ("functions/filetype/endpoint.toml", "model =", "calls = ['nix']\nmodel =", "no endpoint"),
        ("functions/iris_onnx/endpoint.toml", "model =", "# model =", "a load in the code that"),
        ("functions/filetype/preprocess.py", "class Preprocess:", "class Pre(:", "line "),
        ("functions/filetype/preprocess.py", "class Preprocess:", "class Other:", "found none"),
        ("functions/iris_canary/endpoint.toml", "iris_onnx", "nix", "there is no endpoint 'nix'"),
        (
            "functions/iris_canary/endpoint.toml",
            "iris_onnx =",
            '"iris_onnx/9" =',
            "it asks 'iris_onnx/9': 'iris_onnx' has no version 9; it has 1",
        ),
        ("template.yaml", "{AWS::StackName}-filetype\n", "{AWS::StackName}-f\n", "no function"),
        ("template.yaml", "{AWS::StackName}-filetype\n", "{AWS::StackName}-f\n", "no folder"),
        ("template.yaml", "functions/filetype", "functions/iris_onnx", "not functions/filetype"),
        ("template.yaml", ", !Ref EngineOnnxLayer]", "]", "Layers lacks EngineOnnxLayer"),
        (
            "functions/iris_onnx/endpoint.toml",
            "iris_onnx/1/model.onnx",
            "iris_onnx/2/",
            "Policies lacks s3:GetObject on iris_onnx/2/*, s3:ListBucket on iris_onnx/2/* and has "
            "s3:GetObject on iris_onnx/1/model.onnx: `lambda-serving policies` writes",
        ),
        (
            "functions/iris_ensemble/endpoint.toml",
            '"iris_xgboost", ',
            "",
            "Policies has lambda:InvokeFunction on iris_xgboost:live: `lambda-serving policies`",
        ),
        ("template.yaml", "NotResource: !GetAtt FiletypeLogs.Arn", 'Resource: "x"', "logs:* on"),
        ("template.yaml", "Policies: [{S", "Policies: [!Ref ReadModels, {S", "has !Ref ReadModels"),
        ("template.yaml", "!Ref FiletypeLogs", "!Ref Logs", "names no log group"),
        ("template.yaml", "      <<: *logs\n", "", "keeps its logs for ever"),
        ("template.yaml", "/serve/filetype:", "/filetype:", "no path /serve/filetype that leads"),
        ("template.yaml", "${Filetype.Arn}", "${IrisOnnx.Arn}", "no path /serve/filetype that"),
        ("template.yaml", "      - FiletypeLogs\n", "", "its DependsOn lacks it"),
        ("template.yaml", "Value: !Ref Filetype}", "Value: none}", "no output"),
        ("template.yaml", "              security: *callers\n", "", "asks for AWS_IAM, whatever"),
        (
            "template.yaml",
            "        paths:\n",
            "        paths:\n          /serve/nix: {}\n",
            "/serve/nix leads to no function",
        ),
        ("samconfig.toml", '"lambda-serving-prod"', '"' + "p" * 60 + '"', "Lambda takes 64"),
    ],
)
def test_one_thing_is_wrong(project: Copy, file: str, old: str, new: str, problem: str) -> None:
    text = project.read(file)
    assert old in text
    project.write(file, text.replace(old, new, 1))
    assert any(problem in text for _, _, text in find(project)), find(project)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("sample.json", "no JSON", "the body is not JSON"),
        ("sample.json", "[1]", "expected a JSON object, got an array"),
        ("sample.json", '{"serving": {"protocol": 1}}', "expected the body alone"),
        ("samples/sample.bin", "", "sample.json has the same name"),
        ("samples/large.bin", "x" * 5_000_000, "bytes as a payload of Lambda, which takes 6291456"),
        ("samples/larger.json", '{"x": "' + "x" * 2_000_000 + '"}', "the limit is 1000000"),
        ("samples/right.csv", "a,b", ""),
        ("sample.py", "", ""),
    ],
)
def test_samples(project: Copy, name: str, content: str, problem: str) -> None:
    if "larger" in name:  # the function's own limit, where the template sets one
        text = project.read("template.yaml")
        old, limit = "CodeUri: functions/iris_onnx\n", 'SERVING_MAX_BODY_BYTES: "1000000"'
        own = f"      Environment: {{Variables: {{{limit}}}}}\n"
        project.write("template.yaml", text.replace(old, f"{old}{own}"))
    project.write(f"functions/iris_onnx/{name}", content)
    found = [text for endpoint, _, text in find(project) if endpoint == "iris_onnx"]
    assert [problem in text for text in found] == [True] * bool(problem), found


def test_a_model_may_come_from_the_code(project: Copy) -> None:
    """iris_onnx has no load, filetype does."""
    text = project.read("functions/filetype/endpoint.toml")
    project.write("functions/filetype/endpoint.toml", text.replace("model =", "# model =", 1))
    problems = [problem for _, where, problem in find(project) if "model" in problem]
    assert problems == []


def test_layers_that_code_may_use(project: Copy) -> None:
    """ClearML's `custom` example imports joblib: the engine needs no layer, its code does."""
    text = project.read("template.yaml")
    further = "[!Ref RuntimeLayer, !Ref EngineSklearnLayer, !Ref EngineOnnxLayer]"
    project.write(
        "template.yaml", text.replace("[!Ref RuntimeLayer, !Ref EngineOnnxLayer]", further)
    )
    assert find(project) == []


def test_folders_that_are_no_endpoints(project: Copy) -> None:
    project.write("functions/begun/preprocess.py", "")
    project.write("functions/__pycache__/x", "")
    assert find(project) == [("begun", "functions/begun", "there is no endpoint.toml")]
    project.write("functions/begun/endpoint.toml", 'endpoint = "begun"\nengine = "custom"\n')
    assert "found none" in find(project)[0][2]
    (project.root / "functions/begun/preprocess.py").unlink()
    assert "runs your code: there is none" in find(project)[0][2]


def test_models_that_are_not_there(project: Copy) -> None:
    text = project.read("functions/filetype/endpoint.toml")
    project.write("functions/filetype/endpoint.toml", text.replace("filetype/1/", "file:///nix/"))
    found = find(project, "--json")
    assert ("filetype", "endpoint.toml, version 1", "there is no model at file:///nix/") in found
    named = {name for name, _, problem in found if "there is no model" in problem}
    assert named == {"filetype", "iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm"}


FOLLOWING = 'endpoint = "filetype"\nengine = "onnx"\n[auto_update]\nproject = "p"\nname = "n"\n'


def find_followed(project: Copy, more: str = "") -> list[tuple[str, str]]:
    """(where, problem) of an endpoint that follows model n of project p."""
    project.write("functions/filetype/endpoint.toml", FOLLOWING + more)
    found = find(project, "--json")
    return [
        (where, problem)
        for name, where, problem in found
        if name == "filetype" and where.startswith("endpoint.toml")
    ]


def test_models_of_the_registry_that_are_not_there(project: Copy) -> None:
    rule = "endpoint.toml, auto_update"
    assert find_followed(project) == [(rule, "the registry has no model 'n' of project 'p'")]
    entry = {"framework": "onnx", "sha256": "1" * 64, "size": 1, "created": "", "libraries": {}}
    entries = {
        number: {**entry, "model": f"registry/p/n/{number}/m", "tags": tags, "published": published}
        for number, tags, published in (("2", [], True), ("10", ["eu"], True), ("11", [], False))
    }
    index = {"schema": 1, "project": "p", "name": "n", "versions": entries, "next": 12}
    project.write(".local/models/registry/p/n/index.json", json.dumps(index))
    [(where, problem)] = find_followed(project)
    assert where == "endpoint.toml, version 10"
    assert problem.endswith("/.local/models/registry/p/n/10/m")
    project.write(".local/models/registry/p/n/10/m", "m")
    assert find_followed(project) == []
    assert find_followed(project, "max_versions = 2")[0][0] == "endpoint.toml, version 2"
    assert find_followed(project, "published = false")[0][0] == "endpoint.toml, version 11"
    assert find_followed(project, 'tags = ["eu"]') == []
    none = "model 'n' of project 'p' has no version that is published and tagged us"
    assert find_followed(project, 'tags = ["us"]') == [(rule, none)]
    project.write(".local/models/registry/p/n/index.json", "{")
    assert "is not an index of the registry" in find_followed(project)[0][1]


def test_versions_that_follow_the_registry_come_and_go(project: Copy) -> None:
    find_followed(project)
    path = "functions/iris_canary/endpoint.toml"
    project.write(path, project.read(path).replace("iris_onnx =", '"filetype/3" ='))
    assert '"filetype/3"' in project.read(path)
    assert [name for name, _, problem in find(project) if "asks" in problem] == []


def test_a_build_that_is_too_large(project: Copy) -> None:
    build = project.root / ".aws-sam" / "build"
    for folder in ("Filetype", "RuntimeLayer"):
        (build / folder).mkdir(parents=True)
        with (build / folder / "large").open("wb") as file:
            file.truncate(150_000_000)  # holes: nothing is written
    text = project.read("template.yaml")
    text = text.replace("functions/filetype", "Filetype").replace("layers/runtime", "RuntimeLayer")
    (build / "template.yaml").write_text(text)
    [(endpoint, where, problem)] = find(project)
    assert (endpoint, where) == ("filetype", ".aws-sam/build")
    assert problem.startswith("300.0 MB with its layers, Lambda takes 262.1 MB: function 150.0 MB")


def test_wrong_usage(project: Copy) -> None:
    assert "no local cloud is up" in project.refuse(1, "validate", "--state", "nix")
    assert "No such option" in project.refuse(2, "validate", "--models")
    project.write("template.yaml", "- a list")
    assert "expected a mapping" in project.refuse(1, "validate", "--no-models")

"""`lambda-serving new`: what it writes holds by every rule that the project has."""

import difflib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Copy, copy_project
from tests.template.validation import validate

ENGINES = ("onnx", "triton", "sklearn", "xgboost", "lightgbm", "custom", "custom_async")
LONGEST = "a" * 43
MODELS = {"onnx": "model.onnx", "sklearn": "model.joblib", "xgboost": "model.ubj"}


def list_changes(old: str, new: str) -> Iterator[str]:
    """The kinds of changes."""
    matcher = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    return (tag for tag, *_ in matcher.get_opcodes() if tag != "equal")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A project with one more endpoint of each engine, their names as long as may be."""
    project = copy_project(
        tmp_path_factory.mktemp("grown") / "project", "layers", "tests", "events"
    )
    for engine in ENGINES:
        text = project.read("template.yaml")
        name = f"{engine[:4]}-{LONGEST}"
        outcome = project.ask("new", name, "--engine", engine)
        assert outcome["written"] == [
            f"functions/{name}/endpoint.toml",
            "template.yaml",
            f"functions/{name}/preprocess.py",
            f"functions/{name}/sample.json",
            f"tests/endpoints/test_{name}.py",
            "monitoring.yaml",
        ]
        assert set(list_changes(text, project.read("template.yaml"))) == {"insert"}
        if engine == "custom":
            break
    project.do("new", "later", "--engine", "custom_async", "--description", 'Says "it": #1')
    project.do("new", "on", "--engine", "sklearn")
    project.do("new", "3d", "--engine", "xgboost")
    project.do("new", "api", "--engine", "lightgbm")
    return project


OWN_LINES = """\

  Churn:
    Type: AWS::Serverless::Function
    Metadata: *build
    Properties:
      FunctionName: !Sub ${AWS::StackName}-churn
      Description: Who leaves
      CodeUri: functions/churn
      VersionDescription: *version
      DeploymentPreference: {Alarms: !If [HasRateAlarms, [!Sub "${AWS::StackName}-churn-faults", !Sub "${AWS::StackName}-churn-latency", !Sub "${AWS::StackName}-churn-throttles"], []]}
      Layers: [!Ref RuntimeLayer, !Ref EngineSklearnLayer]
      Policies: [{Statement: [{Sid: Endpoint, Effect: Deny, Action: "logs:*", NotResource: !GetAtt ChurnLogs.Arn},
        {Effect: Allow, Action: s3:GetObject, Resource: !Sub "${ModelBucket.Arn}/churn/1/model.joblib"}, *decrypt]}]
      LoggingConfig: {LogGroup: !Ref ChurnLogs}
  ChurnLogs:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub /aws/lambda/${AWS::StackName}-churn
      <<: *logs
          /serve/churn: &Churn
            get: &ChurnCall
              security: *callers
              x-amazon-apigateway-integration: {<<: *call, uri: !Sub ["${U}/functions/${Churn.Arn}:live/invocations", {U: *uri}]}
            post: *ChurnCall
          /serve/churn/{proxy+}: *Churn
      - ChurnLogs
  ChurnFunction: {Value: !Ref Churn}
"""  # noqa: E501


def test_a_new_endpoint_is_a_diff_of_its_own_lines(project: Copy) -> None:
    old = project.read("template.yaml")
    project.do("new", "churn", "--engine", "sklearn", "--description", "Who leaves")
    lines = difflib.ndiff(old.splitlines(), project.read("template.yaml").splitlines())
    changed = [line for line in lines if not line.startswith("  ")]
    assert sorted(changed) == sorted(f"+ {line}" for line in OWN_LINES.splitlines())
    assert len(changed) == len(OWN_LINES.splitlines())


def test_people_read_the_template(project: Copy) -> None:
    """A function is short, memory and timeout stand once, and eight endpoints are 25 KB."""
    assert len(project.read("template.yaml").encode()) <= 25 * 1024
    assert OWN_LINES.partition("  ChurnLogs:")[0].strip().count("\n") <= 15
    assert project.read("template.yaml").count(" Timeout: ") == 1


def test_new_endpoints_pass_the_projects_tests(grown: Copy) -> None:
    """Their own, and the rules of tests/template."""
    own = [str(path) for path in grown.root.glob("tests/endpoints/test_*.py")]
    assert len(own) == 10
    rules = ["tests/template/test_functions.py", "tests/template/test_monitoring.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *rules, *own],
        cwd=grown.root, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_new_endpoints_are_valid(grown: Copy) -> None:
    findings = grown.run("validate", "--no-models", "--json")
    assert findings.returncode == 1  # by the one thing that is wrong: names too long for `prod`
    text = findings.stdout.decode()
    assert text.count('"problem"') == text.count("Lambda takes 64")


def test_sam_validates_the_template(grown: Copy) -> None:
    done = validate(grown.root / "template.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_takes_the_code(grown: Copy) -> None:
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "functions", "tests/endpoints"],
            cwd=grown.root, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_settings_are_what_was_asked(grown: Copy) -> None:
    for engine, model in MODELS.items():
        name = {"sklearn": "on", "xgboost": "3d"}.get(engine, f"{engine}-{LONGEST}")
        pickles = "allow_pickle = true\n" if engine == "sklearn" else ""
        assert grown.read(f"functions/{name}/endpoint.toml") == (
            f'endpoint = "{name}"\nengine = "{engine}"\nmodel = "{name}/1/{model}"\n{pickles}'
        )
    assert grown.read("functions/later/endpoint.toml") == (
        'endpoint = "later"\nengine = "custom_async"\n'
    )
    assert 'Description: "Says \\"it\\": #1"' in grown.read("template.yaml")


def test_what_is_removed_again_was_never_there(project: Copy) -> None:
    before = project.snapshot()
    for name in ("churn", "-", "Some_Thing-else"):
        project.do("new", "--engine", "sklearn", "--", name)
    for name in ("churn", "-", "Some_Thing-else"):
        project.do("model", "remove", f"--endpoint={name}", "--yes")
    assert project.snapshot() == before


def test_names_that_are_taken(project: Copy) -> None:
    taken = project.refuse(1, "new", "iris_onnx", "--engine", "onnx")
    assert "'iris_onnx' is taken" in taken and "functions/iris_onnx" in taken
    alike = project.refuse(1, "new", "iris-onnx", "--engine", "onnx")
    assert "iris-onnx and the endpoint iris_onnx are one name to CloudFormation" in alike
    project.write("functions/mine/notes.txt", "the user's own")
    assert "functions/mine" in project.refuse(1, "new", "mine", "--engine", "custom")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a/b", "--engine", "onnx"], "1 to 48 of A-Z a-z 0-9 _ -, got 'a/b'"),
        (["a" * 49, "--engine", "onnx"], "1 to 48"),
        (["", "--engine", "onnx"], "1 to 48"),
        (["x", "--engine", "tensorflow"], "one of onnx, triton, sklearn"),
        (["x", "--engine", "canary"], "model canary"),
        (["x"], "Missing option '--engine'"),
        (["--engine", "onnx"], "Missing argument"),
        (["x", "--engine", "onnx", "--description", "d" * 257], "at most 256"),
    ],
)
def test_wrong_usage(project: Copy, arguments: list[str], message: str) -> None:
    assert message in project.refuse(2, "new", *arguments)


def test_templates_that_cannot_be_edited(project: Copy) -> None:
    project.write("template.yaml", "Resources: [")
    assert "template.yaml: " in project.refuse(1, "new", "x", "--engine", "onnx")
    project.write("template.yaml", "Resources: {}\n")
    assert "Resources as a block" in project.refuse(1, "new", "x", "--engine", "onnx")


@pytest.mark.parametrize(
    "command",
    [
        ("new", "x", "--engine", "onnx"),
        ("validate",),
        ("monitoring", "--check"),
        ("build",),
        ("local", "up"),
        ("local", "down"),
    ],
)
def test_outside_of_a_project(tmp_path: Path, command: tuple[str, ...]) -> None:
    message = Copy(tmp_path).refuse(1, *command)
    assert "no template.yaml" in message and "go to the project's folder" in message


def test_version(project: Copy) -> None:
    told = tomllib.loads(project.read("pyproject.toml"))["project"]["version"]
    assert project.do("--version") == f"lambda-serving {told}\n"


def test_help_has_examples(project: Copy) -> None:
    for command in (["new"], ["endpoints"], ["invoke"], ["validate"], ["model", "add"],
                    ["model", "auto-update"], ["model", "canary"], ["metrics", "add"],
                    ["metrics", "list"], ["metrics", "remove"]):  # fmt: skip
        text = project.do(*command, "--help")
        assert f"lambda-serving {' '.join(command)}" in text.partition("Examples:")[2], command

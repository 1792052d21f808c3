"""The command line's edits of template.yaml and of several files at once, and its options."""

import re
from pathlib import Path

import pytest

from lambda_serving.settings.endpoint_toml import parse_endpoint
from lambda_serving_cli.commands.options.clearml import spread
from lambda_serving_cli.project.blocks import adapt_function, add_function, name_resource
from lambda_serving_cli.project.changes import Changes
from lambda_serving_cli.project.template import Template
from lambda_serving_cli.project.template_edits import remove
from lambda_serving_cli.terminal.errors import CommandError
from tests.servers.built import PROJECT

ONNX = parse_endpoint({"endpoint": "new", "engine": "onnx", "model": "m"})
BOTH = parse_endpoint(
    {"endpoint": "new", "engine": "onnx", "model": "m", "version": {"2": {"engine": "sklearn"}}}
)
TEXT = (PROJECT / "template.yaml").read_text()
BARE = """\
Resources:  # all of them
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {V: &version "1", L: &logs {}, B: &build {}, D: &decrypt {}, S: &callers [],
      C: &call {}, U: &uri x}
    Properties: {ContentUri: layers/runtime/}
    # about the layer

  # about the bucket
  Bucket:
    Type: AWS::S3::Bucket

Outputs:
  Where:
    Value: !Ref Bucket"""


def add(text: str) -> str:
    return add_function(Template(text), "new", ONNX, "")[0]


@pytest.mark.parametrize(
    "text", [TEXT, TEXT.replace("\n", "\r\n"), TEXT.rstrip(), BARE, BARE + "\n# the end\n"]
)
def test_what_is_added_and_removed_leaves_nothing(text: str) -> None:
    grown = add(text)
    lines = 27 if "DependsOn" in text else 20  # its paths, and what watches the logs waits for them
    assert len(grown.splitlines()) == len(text.splitlines()) + lines
    assert ("\r\n" in text) == ("\r\n" in grown) and ("\r\n" not in text or "\n\n" not in grown)
    template = Template(grown)
    again = remove(template, template.functions["new"])
    assert again.rstrip("\r\n") == text.rstrip("\r\n")


def test_it_goes_after_the_last_function() -> None:
    names = list(Template(add(TEXT)).resources)
    assert names.index("New") == names.index("IrisCanaryLogs") + 1
    outputs = list(Template(add(TEXT)).outputs)
    assert outputs.index("NewFunction") == outputs.index("IrisCanaryFunction") + 1


def test_without_a_function_it_goes_after_the_layers() -> None:
    assert list(Template(add(BARE)).resources) == ["Layer", "New", "NewLogs", "Bucket"]
    assert re.search(r"    # about the layer\n\n  New:\n", add(BARE))
    assert re.search(r"<<: \*logs\n\n  # about the bucket\n  Bucket:", add(BARE))


def test_each_function_can_be_removed_alone() -> None:
    """The first one has comments above it, which are of them all."""
    template = Template(TEXT)
    for endpoint, function in template.functions.items():
        left = Template(remove(template, function))
        assert set(template.functions) - set(left.functions) == {endpoint}
        assert "\n\n\n" not in left.text
        assert left.text.count("#") == TEXT.count("#")


def test_the_last_log_group_takes_the_list_with_it() -> None:
    text = TEXT
    for endpoint, function in Template(TEXT).functions.items():
        text = remove(Template(text), Template(text).functions[endpoint])
        assert function.name + "Logs" not in text
    assert "DependsOn" not in text  # an empty one would be no template
    assert "        paths: {}\n" in text
    template = Template(add(text))
    assert template.monitoring and template.monitoring.data["DependsOn"] == ["NewLogs"]
    assert remove(template, template.functions["new"]) == text


def test_a_dependency_list_of_another_form_is_left_alone() -> None:
    block = "".join(f"      - {name}Logs\n" for name in ("Filetype", "IrisOnnx"))
    head, found, rest = TEXT.partition(f"    DependsOn:\n{block}")
    assert found
    with pytest.raises(CommandError, match="Monitoring: expected DependsOn as") as raised:
        add(f"{head}    DependsOn: [FiletypeLogs]\n{rest[rest.index('    Properties') :]}")
    assert "NewLogs" in raised.value.advice


def test_layers_are_adapted() -> None:
    text = add(TEXT)
    template = Template(text)
    adapted = adapt_function(template, template.functions["new"], BOTH, ONNX)
    block = adapted[Template(adapted).resources["New"].start :]
    assert "Layers: [!Ref RuntimeLayer, !Ref EngineOnnxLayer, !Ref EngineSklearnLayer]" in block
    template = Template(adapted)
    assert adapt_function(template, template.functions["new"], ONNX, BOTH) == text


FORMS = {
    "beside ours": ("Policies: [{S", "Policies: [!Sub 'x', {S", ["!Sub 'x'"]),
    "after ours": ("decrypt]}]\n", "decrypt]}, !Ref Mine]\n", ["!Ref Mine"]),
    "none": (None, "", []),
    "empty": (None, "Policies: []\n", []),
    "of an older template": (None, "Policies: [!Ref ReadModels, !Ref Mine]\n", ["!Ref Mine"]),
    "a line for each": (
        None,
        "Policies:\n        - !Ref ReadModels\n        # mine\n        - Statement:\n"
        "            - {Effect: Allow, Action: s3:GetObject, Resource: x}\n      # the end\n",
        ["# mine\n        - Statement:\n            - {Effect: ", "      # the end\n"],
    ),
    "ours in lines": (
        None,
        "Policies:\n        - Statement:\n            - Sid: Endpoint\n              Effect: Deny\n"
        "\n        # mine\n        - Mine\n",
        ["# mine\n        - Mine\n"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_policy_is_written_and_own_ones_stay(form: str) -> None:
    text, (old, new, kept) = add(TEXT), FORMS[form]
    start, end = text.index("      Policies:", Template(text).resources["New"].start), 0
    end = text.index("      LoggingConfig", start)
    block = text[start:end].replace(old, new, 1) if old else f"      {new}" if new else ""
    template = Template(text[:start] + block + text[end:])
    adapted = Template(adapt_function(template, template.functions["new"], BOTH, ONNX))
    policies = adapted.functions["new"].properties["Policies"]
    ours = [each for each in policies if "Statement" in each and "Sid" in each["Statement"][0]]
    assert [list(each) for each in ours] == [["Statement"]]
    assert len(policies) == 1 + len([each for each in kept if "end" not in each])
    assert "ReadModels" not in adapted.text
    assert all(each in adapted.text for each in kept)
    again = adapt_function(adapted, adapted.functions["new"], BOTH, BOTH)
    assert again == adapted.text


def test_policies_of_another_form_are_left_alone() -> None:
    text = add(TEXT)
    start = text.index("      Policies:", Template(text).resources["New"].start)
    end = text.index("      LoggingConfig", start)
    template = Template(f"{text[:start]}      Policies: !Ref Mine\n{text[end:]}")
    with pytest.raises(CommandError, match="New: expected Policies as a list"):
        adapt_function(template, template.functions["new"], ONNX, ONNX)


def test_lists_of_another_form_are_left_alone() -> None:
    text = add(TEXT)
    start = Template(text).resources["New"].start
    block = text[start:].replace(
        "Layers: [!Ref RuntimeLayer, !Ref EngineOnnxLayer]",
        "Layers:\n        - !Ref RuntimeLayer",
        1,
    )
    template = Template(text[:start] + block)
    with pytest.raises(CommandError, match="expected Layers like") as raised:
        adapt_function(template, template.functions["new"], BOTH, ONNX)
    assert "EngineSklearnLayer" in raised.value.advice


@pytest.mark.parametrize(
    ("endpoint", "taken", "name"),
    [
        ("iris_onnx", [], "IrisOnnx"),
        ("a-b_C9", [], "ABC9"),
        ("-", [], "Endpoint"),
        ("9", [], "Endpoint9"),
        ("No", [], "EndpointNo"),
        ("api", ["Api"], "ApiEndpoint"),
        ("api", ["Api", "ApiEndpoint"], "ApiEndpoint2"),
        ("iris", ["IrisLogs"], "IrisEndpoint"),
        ("iris_role", ["Iris"], "IrisRoleEndpoint"),
    ],
)
def test_logical_ids(endpoint: str, taken: list[str], name: str) -> None:
    assert name_resource(endpoint, taken) == name


def test_changes_are_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "file").write_text("x")
    (tmp_path / "file").write_text("no folder")
    changes = Changes()
    changes.write(tmp_path / "old", "new")
    changes.write(tmp_path / "a" / "b" / "c", "new")
    changes.remove(tmp_path / "gone")
    changes.write(tmp_path / "file" / "below", "cannot be")
    with pytest.raises(CommandError, match="nothing was changed"):
        changes.apply()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "file", "gone", "old"]
    assert (tmp_path / "old").read_text() == "old"


def test_changes_that_fail_late_are_undone(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "gone").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").write_text("a folder that is not empty")
    changes = Changes()
    changes.write(tmp_path / "old", "new")
    changes.write(tmp_path / "fresh", "new")
    changes.write(tmp_path / "target", "no file can replace it")
    with pytest.raises(CommandError, match="nothing was changed"):
        changes.apply()
    assert (tmp_path / "old").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone", "old", "target"]


def test_changes_keep_links_and_modes(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    changes = Changes()
    changes.write(tmp_path / "link", "new")
    changes.apply()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--weights 0.1 0.9 --to a b", "--weights 0.1 --weights 0.9 --to a --to b"),
        ("--weights=0.1 -0.9 --json", "--weights=0.1 --weights -0.9 --json"),
        ("--name x --to a --name y z", "--name x --to a --name y z"),
        ("--to --to a", "--to --to a"),
        ("a --to b -- c", "a --to b -- c"),
    ],
)
def test_values_one_after_another(typed: str, meant: str) -> None:
    assert " ".join(spread(typed.split(), {"--weights", "--to"})) == meant

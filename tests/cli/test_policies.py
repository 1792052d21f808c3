"""`lambda-serving policies`: what functions may do, after endpoint.toml was edited by hand."""

from tests.cli.conftest import Copy

FILE = "functions/iris_onnx/endpoint.toml"


def test_an_edit_by_hand_is_written_into_the_template(project: Copy) -> None:
    assert project.do("policies") == "template.yaml: unchanged\n"
    assert project.ask("policies", "--check") == {"changes": [], "written": False}
    before = project.read("template.yaml")
    project.write(FILE, project.read(FILE).replace("iris_onnx/1/model.onnx", "s3://b/2/"))
    done = project.run("policies", "--check")
    assert done.returncode == 1 and b"+        {Effect: Allow, Action: s3:GetObject" in done.stdout
    assert project.read("template.yaml") == before

    assert project.ask("policies")["written"]
    template = project.read("template.yaml")
    assert before.count("\n") + 1 == template.count("\n")  # a prefix is listed, too
    for kept in ("iris_sklearn/1/model.joblib", "filetype/1/*"):
        assert kept in template
    assert "iris_onnx/1/model.onnx" not in template
    assert 's3:prefix: "2/*"' in template or "s3:prefix: 2/*" in template
    assert project.ask("validate", "--no-models")["findings"] == []
    assert project.do("policies", "--check") == ""


def test_an_endpoint_that_cannot_be_read_changes_nothing(project: Copy) -> None:
    project.write(FILE, "engine = 'onnx'\n")
    assert "endpoint: expected" in project.refuse(1, "policies")

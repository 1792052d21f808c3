"""The model registry in the local cloud's S3, by the command line alone."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.registry import MIB, end_command, run_command, start_command
from tests.servers.built import PROJECT, STATE
from tests.stack.conftest import Stack

PROJECT_NAME = "tests of the registry"
NAMED = ("--project", PROJECT_NAME, "--name", "many")
FOLDER = "registry/tests%20of%20the%20registry/many/"
LOCAL = ("--state", str(STATE))


@pytest.fixture
def bucket(stack: Stack) -> Iterator[str]:
    """The model bucket's name; what the test registered is gone after it."""
    name = stack.state["model_bucket"]
    yield name
    for key in list_keys(stack, name):
        stack.bucket.delete_object(Bucket=name, Key=key)


def list_keys(stack: Stack, bucket: str) -> list[str]:
    listed = stack.bucket.list_objects_v2(Bucket=bucket, Prefix="registry/tests")
    return [item["Key"] for item in listed.get("Contents", [])]


def read(stack: Stack, bucket: str, key: str) -> bytes:
    body: bytes = stack.bucket.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def ask(folder: Path, *arguments: object) -> Any:
    return json.loads(run_command(folder, *arguments, *LOCAL, "--json")[0])


def test_publishers_at_once(stack: Stack, bucket: str, tmp_path: Path) -> None:
    """Four versions, none lost; whoever reads meanwhile finds whole ones alone."""
    contents = [os.urandom(number * MIB) for number in range(1, 5)]
    processes = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        options = ("--framework", "custom", "--part-size", 5, "--tags", number, "--json")
        processes.append(start_command(tmp_path, "upload", *NAMED, path, *options, *LOCAL))
    seen: set[str] = set()
    while any(process.poll() is None for process in processes):
        if f"{FOLDER}index.json" in list_keys(stack, bucket):
            versions = json.loads(read(stack, bucket, f"{FOLDER}index.json"))["versions"]
            for entry in [versions[number] for number in versions if number not in seen]:
                body = read(stack, bucket, entry["model"])
                assert hashlib.sha256(body).hexdigest() == entry["sha256"]
            assert all(int(number) > max(map(int, seen), default=0)
                       for number in versions if number not in seen)  # fmt: skip
            seen |= versions.keys()
    given = [json.loads(end_command(process)[0])["version"] for process in processes]
    versions = ask(tmp_path, "show", *NAMED)["versions"]
    assert sorted(given) == sorted(versions) and len(set(given)) == 4
    for number, content in enumerate(contents):
        entry = versions[given[number]]
        assert entry["tags"] == [str(number)]
        assert read(stack, bucket, entry["model"]) == content
    assert len(list_keys(stack, bucket)) == 5


def test_a_version_from_upload_to_removal(stack: Stack, bucket: str, tmp_path: Path) -> None:
    model = PROJECT / ".local" / "models" / "iris_onnx" / "1" / "model.onnx"
    made = ask(tmp_path, "upload", *NAMED, model, "--tags", "eu")
    assert (made["version"], made["framework"]) == ("1", "onnx")
    assert made["libraries"].keys() == {"skl2onnx"}
    assert ask(tmp_path, "upload", *NAMED, model)["existing"]
    ask(tmp_path, "tag", *NAMED, "--version", 1, "--tags", "good")
    ask(tmp_path, "publish", *NAMED, "--version", "latest")
    (listed,) = ask(tmp_path, "list", "--project", PROJECT_NAME, "--tags", "eu,good", "--published")
    assert listed["versions"]["1"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    _, err = run_command(tmp_path, "remove", *NAMED, "--version", 1, *LOCAL, code=1)
    assert "is published" in err
    ask(tmp_path, "unpublish", *NAMED, "--version", 1)
    ask(tmp_path, "untag", *NAMED, "--version", 1, "--tags", "good")
    ask(tmp_path, "remove", *NAMED, "--version", 1)
    assert list_keys(stack, bucket) == [f"{FOLDER}index.json"]
    assert ask(tmp_path, "show", *NAMED)["versions"] == {}


def test_the_stack_in_aws(stack: Stack, bucket: str, tmp_path: Path) -> None:
    """Found by CloudFormation, with the user's own credentials."""
    aws = {
        "AWS_ENDPOINT_URL": stack.state["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": stack.state["region"],
    }
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    upload = ("upload", *NAMED, path, "--framework", "custom")
    out, _ = run_command(tmp_path, *upload, "--aws", **aws)
    assert f"s3://{bucket}/{FOLDER}1/model.bin" in out
    named = ("--stack", stack.state["stack_name"])
    out, _ = run_command(tmp_path, "show", *NAMED, *named, **aws)
    assert "custom" in out
    # Where `sam deploy --guided` was told another name, all commands know it.
    (tmp_path / "template.yaml").touch()
    region = aws.pop("AWS_REGION")
    (tmp_path / "samconfig.toml").write_text(
        f'[default.deploy.parameters]\nstack_name = "{named[1]}"\nregion = "{region}"\n'
    )
    out, _ = run_command(tmp_path, "show", *NAMED, **aws)
    assert "custom" in out
    (tmp_path / "samconfig.toml").write_text('[default.deploy.parameters]\nstack_name = "mine"\n')
    _, err = run_command(tmp_path, "list", "--region", "us-east-1", **aws, code=1)
    assert "there is no stack mine in us-east-1" in err
    aws["AWS_REGION"] = region
    _, err = run_command(tmp_path, "list", "--stack", "absent", **aws, code=1)
    assert "there is no stack absent in us-east-1" in err and "sam deploy" in err
    _, err = run_command(tmp_path, "list", "--aws", code=1)
    assert "no AWS region is set" in err
    _, err = run_command(tmp_path, "list", "--aws", AWS_REGION="eu-west-1", code=1)
    assert "there are no AWS credentials" in err

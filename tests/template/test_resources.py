"""The template's bucket, permissions and logs, and what SAM itself says of it."""

from typing import Any

import pytest

from tests.servers.built import PROJECT, list_resources
from tests.template.validation import validate

Properties = dict[str, Any]


@pytest.fixture(scope="module")
def bucket(template: dict[str, Any]) -> Properties:
    """The model bucket."""
    return list_resources(template, "AWS::S3::Bucket")["ModelBucket"]


def test_bucket_is_private(bucket: Properties) -> None:
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_bucket_is_versioned_and_encrypted(bucket: Properties) -> None:
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]


def test_bucket_has_no_fixed_name(bucket: Properties) -> None:
    """Bucket names are unique in the world: a fixed one deploys once."""
    assert "BucketName" not in bucket or "Fn::Sub" in bucket["BucketName"]


def test_bucket_refuses_plain_http(template: dict[str, Any]) -> None:
    [policy] = list_resources(template, "AWS::S3::BucketPolicy").values()
    assert policy["Bucket"] == {"Ref": "ModelBucket"}
    [statement] = [
        statement
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Action"] == "s3:*"
    assert len(statement["Resource"]) == 2  # the bucket and what is in it


def test_log_groups_end(template: dict[str, Any]) -> None:
    groups = list_resources(template, "AWS::Logs::LogGroup")
    assert all("RetentionInDays" in properties for properties in groups.values())
    functions = list_resources(template, "AWS::Serverless::Function")
    for properties in functions.values():
        assert properties["LoggingConfig"]["LogGroup"]["Ref"] in groups


def test_api_logs_its_requests(template: dict[str, Any]) -> None:
    [api] = list_resources(template, "AWS::Serverless::HttpApi").values()
    assert "$context.requestId" in api["AccessLogSettings"]["Format"]


def test_sam_validates_it() -> None:
    done = validate(PROJECT / "template.yaml")
    assert done.returncode == 0, done.stdout + done.stderr

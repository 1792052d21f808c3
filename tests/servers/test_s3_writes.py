"""The loopback S3 takes writes as S3 does, and refuses them as S3 does."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.servers.faults import cut_after, cut_before
from tests.servers.s3 import S3Server

PART = bytes(range(256)) * 40


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server(buckets={"b": {}}) as server:
        yield server


@pytest.fixture
def client(s3: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_conditional_writes(s3: S3Server, client: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        client.put_object(Bucket="b", Key="k", Body=b"0", IfMatch='"x"')
    etag = client.put_object(Bucket="b", Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"x"'}):
        with pytest.raises(ClientError, match="PreconditionFailed"):
            client.put_object(Bucket="b", Key="k", Body=b"2", **condition)
    client.put_object(Bucket="b", Key="k", Body=b"2", IfMatch=etag, Metadata={"a": "1"})
    answer = client.get_object(Bucket="b", Key="k")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"2", {"a": "1"})


def test_multipart(s3: S3Server, client: Any) -> None:
    begun = client.create_multipart_upload(Bucket="b", Key="d/k", Metadata={"a": "1"})
    upload = {"Bucket": "b", "Key": "d/k", "UploadId": begun["UploadId"]}
    parts = []
    for number in (1, 2):
        answer = client.upload_part(**upload, PartNumber=number, Body=PART)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    wrong = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    with pytest.raises(ClientError, match="BadDigest"):
        client.upload_part(**upload, PartNumber=2, Body=b"?", ChecksumSHA256=wrong)
    (listed,) = client.list_multipart_uploads(Bucket="b", Prefix="d/")["Uploads"]
    assert (listed["Key"], listed["UploadId"]) == ("d/k", upload["UploadId"])
    assert [part["Size"] for part in client.list_parts(**upload)["Parts"]] == [len(PART)] * 2
    assert s3.buckets["b"] == {}
    with pytest.raises(ClientError, match="InvalidPart"):
        client.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [*parts, {"PartNumber": 3, "ETag": '"x"'}]}
        )
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.read("b", "d/k") == 2 * PART
    assert client.head_object(Bucket="b", Key="d/k")["Metadata"] == {"a": "1"}
    for call in (client.list_parts, client.complete_multipart_upload):
        with pytest.raises(ClientError, match="NoSuchUpload"):
            call(**upload)


def test_copies_and_deletions(s3: S3Server, client: Any) -> None:
    s3.put("b", "small é", b"1")
    s3.put("b", "large", 1000 * PART)
    for key in ("small é", "large"):  # in one request, and in parts
        client.copy({"Bucket": "b", "Key": key}, "b", f"c/{key}")
        assert s3.read("b", f"c/{key}") == s3.read("b", key)
    listed = client.list_objects_v2(Bucket="b", Delimiter="/")
    assert [item["Prefix"] for item in listed["CommonPrefixes"]] == ["c/"]
    assert [item["Key"] for item in listed["Contents"]] == ["large", "small é"]
    client.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "large"}, {"Key": "absent"}]})
    assert sorted(s3.buckets["b"]) == ["c/large", "c/small é", "small é"]


def test_cut_before_or_after_it_is_done(s3: S3Server, client: Any) -> None:
    s3.faults["k"] = cut_before("PUT", times=1)
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket="b", Key="k", Body=b"1")
    assert s3.buckets["b"] == {}
    s3.faults["k"] = cut_after("PUT", times=1)
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket="b", Key="k", Body=b"1")
    assert s3.read("b", "k") == b"1"
    assert client.get_object(Bucket="b", Key="k")["ContentLength"] == 1

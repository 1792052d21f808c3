"""The model bucket of a local cloud, which outlives its process.

Ministack writes each object to a file as it is put (S3_PERSIST). What it forgets is whose the
bucket is: a new stack imports it, as CloudFormation does with a bucket that an old one left.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_serving_cli.aws.local_stack import STACK_NAME
from lambda_serving_cli.local_cloud.intrinsics import ACCOUNT
from lambda_serving_cli.local_cloud.layout import Layout
from lambda_serving_cli.local_cloud.settings import read_settings
from lambda_serving_cli.terminal.output import count_things, format_size

LOGICAL_ID = "ModelBucket"
VERSIONS = ".versions"
"""Folder of all that is no longer the newest, beside those of the accounts."""

INDEX = "index.json"
"""Of each model in the registry."""

ABOUT = ".meta.json"
"""What the file beside an object's ends with."""

WAIT: Any = {"Delay": 0.1, "MaxAttempts": 300}


def adopt_bucket(layout: Layout) -> None:
    """Begin the stack with the bucket that is there, where there is one and no stack yet."""
    import boto3

    bucket = read_settings(layout).model_bucket
    client = boto3.client("cloudformation")
    stacks = client.get_paginator("list_stacks").paginate()
    names = {stack["StackName"] for page in stacks for stack in page["StackSummaries"]}
    if not bucket or STACK_NAME in names or not find_folders(layout, bucket):
        return
    resource: Any = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {}}
    client.create_change_set(
        StackName=STACK_NAME,
        ChangeSetName="bucket",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": {LOGICAL_ID: resource}}),
        ResourcesToImport=[
            {
                "ResourceType": resource["Type"],
                "LogicalResourceId": LOGICAL_ID,
                "ResourceIdentifier": {"BucketName": bucket},
            }
        ],
    )
    where = {"StackName": STACK_NAME, "WaiterConfig": WAIT}
    client.get_waiter("change_set_create_complete").wait(ChangeSetName="bucket", **where)
    client.execute_change_set(StackName=STACK_NAME, ChangeSetName="bucket")
    client.get_waiter("stack_import_complete").wait(**where)


def keep_bucket(layout: Layout) -> None:
    """Remove all other buckets, which belong to stacks that ended with their process."""
    bucket = read_settings(layout).model_bucket
    for account in (layout.objects / ACCOUNT, layout.objects / VERSIONS / ACCOUNT):
        for folder in account.glob("*"):
            if folder.name != bucket:
                shutil.rmtree(folder, ignore_errors=True)


def find_folders(layout: Layout, bucket: str) -> list[Path]:
    """Where the files of a bucket are: the newest objects, and all others."""
    folders = [layout.objects / ACCOUNT / bucket, layout.objects / VERSIONS / ACCOUNT / bucket]
    return [folder for folder in folders if folder.is_dir()]


@dataclass(frozen=True)
class Contents:
    """What is in a bucket: files of models in all versions, models of the registry, and bytes."""

    files: int
    registered: int
    size: int

    def describe(self) -> str:
        """`12 files of models, 3 models in the registry, 4.2 MB`."""
        files, models = count_things(self.files, "file"), count_things(self.registered, "model")
        return f"{files} of models, {models} in the registry, {format_size(self.size)}"


def weigh_bucket(layout: Layout) -> Contents:
    """Look into the files of the model bucket."""
    bucket = read_settings(layout).model_bucket
    files, registered, size = 0, 0, 0
    for folder in find_folders(layout, bucket) if bucket else []:
        for path in folder.rglob("*"):
            if not path.is_file():
                continue
            size += path.stat().st_size
            if path.name == INDEX:
                registered += path.is_relative_to(layout.objects / ACCOUNT)
            elif not path.name.endswith(ABOUT):
                files += 1
    return Contents(files, registered, size)

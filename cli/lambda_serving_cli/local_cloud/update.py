"""The code of deployed functions, updated past the stack: what a deploy takes far longer for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lambda_serving_cli.aws.deployed import ALIAS
from lambda_serving_cli.local_cloud.layers import pack

WAIT = {"Delay": 0.1, "MaxAttempts": 300}
"""Seconds between two looks at a function, and how many of them."""


def update_functions(functions: Mapping[str, Path], direct: Mapping[str, str]) -> dict[str, str]:
    """Give functions the code of these folders, as a new version that the alias stands for.

    `direct` maps functions to the versions that were made here before, and go now. Returns the
    versions that were made.
    """
    import boto3

    client: Any = boto3.client("lambda")
    for name, folder in functions.items():
        client.update_function_code(FunctionName=name, ZipFile=zip_folder(folder))
    made = {}
    for name in functions:
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
        made[name] = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=made[name])
        if direct.get(name, made[name]) != made[name]:
            # The emulator would keep its process. Versions of the stack's own are left to that.
            with suppress(client.exceptions.ResourceNotFoundException):
                client.delete_function(FunctionName=name, Qualifier=direct[name])
    return made


def zip_folder(folder: Path) -> bytes:
    """The folder as Lambda takes it."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch, "code.zip")
        pack(folder, path)
        return path.read_bytes()

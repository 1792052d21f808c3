"""The example models: made on this machine, then put into the stack's bucket."""

import sys
from collections.abc import Mapping
from pathlib import Path

from lambda_serving_cli.files.lock import hold
from lambda_serving_cli.local_cloud.fingerprint import list_files
from lambda_serving_cli.local_cloud.layout import Layout
from lambda_serving_cli.registry.artifact import PART_SIZE, digest_file, ignore
from lambda_serving_cli.registry.layout import Bucket
from lambda_serving_cli.registry.upload import upload_files
from lambda_serving_cli.terminal.steps import run_logged


def prepare(layout: Layout, environment: Mapping[str, str]) -> None:
    """Make the example models under the keys they are published at; quick where they are there.

    Raises:
        CommandError: the script failed.
    """
    command = [sys.executable, "-m", "examples.prepare_models", "--out", str(layout.models)]
    advice = "do what the last line of the log says, then `make up` again"
    log = layout.log("models")
    with hold(layout.models.with_name("models.lock")):  # shared by all local clouds
        run_logged(command, log, cwd=layout.root, env=environment, advice=advice)


def publish(models: Path, bucket: str) -> int:
    """Upload every file below `models` whose content the bucket does not have at its key.

    Nothing is removed: the bucket may hold models of the user's own. Returns how many were sent.
    """
    import boto3

    names = {path.relative_to(models).as_posix(): path for path in list_files(models)}
    files = [
        digest_file(path, name, PART_SIZE, ignore)
        for name, path in names.items()
        if not any(part.startswith(".") for part in name.split("/"))
    ]
    return upload_files(Bucket(boto3.client("s3"), bucket), "", files, ignore)

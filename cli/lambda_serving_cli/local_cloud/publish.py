"""The example models: made on this machine, then put into the stack's bucket."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_serving_cli.files.lock import hold
from lambda_serving_cli.local_cloud.build import list_files
from lambda_serving_cli.local_cloud.layout import Layout
from lambda_serving_cli.terminal.steps import run_logged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DIGEST = "sha256"
"""The object's metadata that tells whether a model changed."""


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


def publish(models: Path, bucket: str) -> list[str]:
    """Upload every file below `models` whose content the bucket does not have at its key.

    Nothing is removed: the bucket may hold models of the user's own. Returns the keys uploaded.
    """
    import boto3

    client, uploaded = boto3.client("s3"), []
    for path in list_files(models):
        key = path.relative_to(models).as_posix()
        if any(part.startswith(".") for part in Path(key).parts):
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if read_digest(client, bucket, key) != digest:
            client.upload_file(str(path), bucket, key, ExtraArgs={"Metadata": {DIGEST: digest}})
            uploaded.append(key)
    return uploaded


def read_digest(client: "S3Client", bucket: str, key: str) -> str | None:
    """The digest that the object at the key was published with; None where there is none."""
    try:
        return client.head_object(Bucket=bucket, Key=key)["Metadata"].get(DIGEST)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        return None

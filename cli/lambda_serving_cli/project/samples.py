"""The samples of the project's endpoints, for commands that send or check them."""

import base64
import json
from pathlib import Path

from lambda_serving.errors import SettingsError
from lambda_serving.messages.sample import Sample, list_samples, read_sample
from lambda_serving.settings.runtime import PAYLOAD_LIMIT
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.terminal.errors import CommandError


def read_samples(folder: Path, limit: int = PAYLOAD_LIMIT) -> list[Sample]:
    """The samples in an endpoint's folder, of at most `limit` bytes each.

    Raises:
        CommandError: one is no body of a request, or too large.
    """
    try:
        return [read_sample(path, limit) for path in list_samples(folder).values()]
    except SettingsError as error:
        raise CommandError(f"functions/{folder.name}, {error.detail}") from error


def make_payload(sample: Sample) -> bytes:
    """The payload of a direct invoke that holds a sample."""
    if not isinstance(sample.body, bytes):
        return json.dumps(sample.body).encode()
    envelope = {"protocol": 1, "content_type": sample.content_type}
    body = base64.b64encode(sample.content).decode()
    return json.dumps({"serving": envelope, "body": body}).encode()


def find_sample(project: Project, endpoint: str, name: str | None) -> Sample:
    """One sample of an endpoint; without a name the first, which is `sample.*` if there is one.

    Raises:
        CommandError: there is none of that name, or none at all.
    """
    samples = {each.name: each for each in read_samples(project.require(endpoint))}
    if not samples:
        raise CommandError(
            f"functions/{endpoint} has no sample",
            advice="put the body of a request into its sample.json, or sample.bin",
        )
    if name is None:
        return next(iter(samples.values()))
    if name not in samples:
        raise CommandError(f"{endpoint} has no sample {name!r}; it has {', '.join(samples)}")
    return samples[name]

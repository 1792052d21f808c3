"""The sample request of a version, which a model must answer before it is taken up."""

from pathlib import Path

from lambda_serving.errors import RequestError
from lambda_serving.messages.encoding import JSON, decode_body
from lambda_serving.settings.auto_update import LARGEST_SAMPLE
from lambda_serving_cli.files.content import read_bytes
from lambda_serving_cli.registry.artifact import ArtifactFile, digest_file, ignore
from lambda_serving_cli.registry.layout import SAMPLE
from lambda_serving_cli.terminal.errors import CommandError


def read_sample(path: Path) -> ArtifactFile:
    """The sample request, read as an endpoint reads a body: a JSON object.

    Raises:
        CommandError: it is not that, or too large.
    """
    data = read_bytes(path)
    try:
        decode_body(data, JSON, "", LARGEST_SAMPLE)
    except RequestError as error:
        raise CommandError(
            f"the sample {path}: {error.detail}",
            advice='it is the body of a request, such as {"age": 41}',
        ) from error
    return digest_file(path, SAMPLE, len(data), ignore)

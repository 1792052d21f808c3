"""The sample request of a version, which a model must answer before it is taken up."""

from pathlib import Path

from lambda_serving.errors import SettingsError
from lambda_serving.messages.sample import DEFAULT, read_sample
from lambda_serving.settings.auto_update import LARGEST_SAMPLE
from lambda_serving_cli.files.content import read_bytes
from lambda_serving_cli.registry.artifact import ArtifactFile, digest_file, ignore
from lambda_serving_cli.terminal.errors import CommandError


def take_sample(path: Path) -> ArtifactFile:
    """The sample request, read as an endpoint reads a body; its ending says of what type.

    Raises:
        CommandError: it is no body, or too large.
    """
    data = read_bytes(path)
    try:
        read_sample(path, LARGEST_SAMPLE)
    except SettingsError as error:
        raise CommandError(
            f"the sample {error.detail}",
            advice='a .json file is the body of a request, such as {"age": 41}; any other is bytes',
        ) from error
    return digest_file(path, f"{DEFAULT}{path.suffix or '.json'}", len(data), ignore)

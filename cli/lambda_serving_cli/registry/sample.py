"""The sample request of a version, which a model must answer before it is taken up."""

from __future__ import annotations

import json
import math
from pathlib import Path

from lambda_serving.settings.auto_update import LARGEST_SAMPLE
from lambda_serving_cli.files.content import read_bytes
from lambda_serving_cli.registry.artifact import ArtifactFile, digest_file
from lambda_serving_cli.registry.layout import SAMPLE
from lambda_serving_cli.terminal.errors import CommandError


def read_sample(path: Path) -> ArtifactFile:
    """The sample request, which is a JSON object like the body of any request.

    An endpoint reads it by orjson, which takes less than Python does: UTF-8 alone, no NaN, no
    number beyond a float's range, no half of a surrogate pair.

    Raises:
        CommandError: it is not that, or too large.
    """
    try:
        data = read_bytes(path)
        content = json.loads(data.decode(), parse_constant=_refuse, parse_float=_parse_float)
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise CommandError(f"the sample {path} is not JSON: {error}") from error
    if len(data) > LARGEST_SAMPLE:
        raise CommandError(
            f"the sample {path} has {len(data)} bytes, the limit is {LARGEST_SAMPLE}"
        )
    if not isinstance(content, dict):
        raise CommandError(
            f"the sample {path} holds no JSON object",
            advice='it is the body of a request, such as {"age": 41}',
        )
    return digest_file(path, SAMPLE, len(data), lambda _: None)


def _refuse(number: str) -> float:
    raise ValueError(f"{number} is no number of JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)

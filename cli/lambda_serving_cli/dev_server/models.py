"""Where an endpoint's models are: a folder, a bucket, or the local cloud while one runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint_toml import read_endpoint


@dataclass(frozen=True)
class Place:
    """A bucket's name or a file:// URL; of a local cloud's bucket also how to reach it."""

    bucket: str
    s3_endpoint: str | None = None
    region: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Models:
    """What was told; ``cloud`` is the ``Place`` of the local cloud, as a table, if one runs."""

    place: str
    """A bucket's name or a file:// URL."""
    cloud: Mapping[str, object] | None = None


def find_models(models: Models, folder: Path) -> Place:
    """Where the models of the endpoint in ``folder`` are.

    The registry and what only the local cloud has are there; what the folder of models has is
    taken from it, so that a model that was just put there is found without ``make up``.
    """
    if models.cloud is None or _has_all(models.place, folder):
        return Place(models.place)
    return Place(**models.cloud)  # type: ignore[arg-type]


def _has_all(place: str, folder: Path) -> bool:
    """Whether the folder of models has every model of the endpoint."""
    try:
        settings = read_endpoint(folder)
    except SettingsError:  # told as it is loaded
        return True
    if settings.auto_update is not None:
        return False
    models = Path(unquote(urlsplit(place).path))
    keys = [each.model for each in settings.described if each.model]
    return all("://" in key or (models / key).exists() for key in keys)

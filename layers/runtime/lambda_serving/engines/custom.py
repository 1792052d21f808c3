"""Engines ``custom`` and ``custom_async``: the user's ``process`` runs the model."""

from __future__ import annotations

from typing import Any

from lambda_serving.engines.base import Engine, refuse_unknown_options
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings


class CustomEngine(Engine):
    """Runs no model by itself; without a ``process`` method the data passes through."""

    user_process = "required"

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        super().__init__(settings, vcpus)
        refuse_unknown_options(settings, [])

    def load(self, model: Model | None) -> None:
        """A model that the user's ``load`` did not take is the user's own affair."""

    def adopt(self, loaded: Any) -> None:
        """The user's class keeps what its ``load`` returned."""

    def predict(self, data: Any) -> Any:
        return data

    def describe(self) -> dict[str, Any]:
        return {}

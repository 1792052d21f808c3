"""``Preprocess.model_endpoint``: the endpoint's settings, as in ClearML Serving."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from lambda_serving.settings.endpoint import Tensors, VersionSettings

FIELDS = (
    "engine_type",
    "serving_url",
    "model_id",
    "version",
    "preprocess_artifact",
    "input_size",
    "input_type",
    "input_name",
    "output_size",
    "output_type",
    "output_name",
    "auxiliary_cfg",
)
"""ClearML's (clearml_serving/serving/endpoints.py, class ModelEndpoint), in its order."""


class ModelEndpoint(SimpleNamespace):
    """A plain object with the attributes of FIELDS, which the user's code may set as it likes."""

    def as_dict(self, remove_null_entries: bool = False) -> dict[str, Any]:
        """A copy of the fields; without those that are None where ``remove_null_entries``."""
        fields = {name: deepcopy(getattr(self, name)) for name in FIELDS}
        if not remove_null_entries:
            return fields
        return {name: value for name, value in fields.items() if value is not None}


def make_model_endpoint(settings: VersionSettings) -> ModelEndpoint:
    """ClearML's view of one version; what endpoint.toml does not say is None."""
    return ModelEndpoint(
        engine_type=settings.engine,
        serving_url=settings.endpoint,
        model_id=settings.model,
        version=settings.version,
        preprocess_artifact=settings.preprocess or "preprocess.py",
        **_list_tensors("input", settings.input),
        **_list_tensors("output", settings.output),
        auxiliary_cfg=deepcopy(dict(settings.auxiliary_cfg)) or None,
    )


def _list_tensors(side: str, tensors: Tensors) -> dict[str, Any]:
    return {
        f"{side}_size": [list(shape) for shape in tensors.size] or None,
        f"{side}_type": list(tensors.type) or None,
        f"{side}_name": list(tensors.name) or None,
    }

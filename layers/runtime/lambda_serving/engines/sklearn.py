"""Engine ``sklearn``: scikit-learn models saved by joblib, pickle or skops."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import joblib
import sklearn.exceptions

from lambda_serving.engines.base import Engine, refuse_model, refuse_unknown_options
from lambda_serving.errors import (
    ModelLoadError,
    PickleNotAllowedError,
    SettingsError,
    UserCodeError,
)
from lambda_serving.models.model import Model
from lambda_serving.models.pickles import SAFE_SUFFIX, find_objection
from lambda_serving.redaction import redact
from lambda_serving.settings.endpoint import VersionSettings

logger = logging.getLogger("lambda_serving")


class SklearnEngine(Engine):
    """Calls ``predict`` of the model, which may be a whole pipeline.

    A ``.skops`` file is read without trusting any code in it; types beyond scikit-learn's own
    are named in ``[engine_options] trusted``. Every other file is a pickle, and trusted whole
    where ``models.pickles`` has no objection.
    """

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        super().__init__(settings, vcpus)
        refuse_unknown_options(settings, ["trusted"])
        trusted = settings.engine_options.get("trusted", [])
        if not isinstance(trusted, list) or not all(isinstance(name, str) for name in trusted):
            raise SettingsError(
                "endpoint.toml: engine_options.trusted: expected a list of type names,"
                f" got {trusted!r}"
            )
        self._trusted = trusted
        self._versions = ""

    def _read(self, model: Model) -> Any:
        with warnings.catch_warnings(record=True, action="always") as caught:
            try:
                loaded = self._load_file(model)
            except (ModelLoadError, PickleNotAllowedError):
                raise
            except Exception as error:  # unpickling may raise anything
                told = f"scikit-learn cannot load the model ({type(error).__name__})"
                raise refuse_model(told, error, describe_versions(caught)) from error
        if not hasattr(loaded, "predict"):
            kind = type(loaded).__name__
            raise ModelLoadError(f"expected a model that has predict, got {kind}")
        self._versions = describe_versions(caught)
        for warning in caught:  # such as a model of another scikit-learn version
            logger.warning("loading the model: %s", warning.message)
        return loaded

    def _load_file(self, model: Model) -> Any:
        data, name = model.read_bytes(), model.name
        if data is None:
            file = model.find_file()
            data, name = file.read_bytes(), file.name
        if objection := find_objection(self._settings, name, model.is_foreign):
            raise PickleNotAllowedError(objection)
        if not name.endswith(SAFE_SUFFIX):
            return joblib.load(io.BytesIO(data))
        from skops import io as skops_io

        untrusted = set(skops_io.get_untrusted_types(data=data)) - set(self._trusted)
        if untrusted:
            raise ModelLoadError(
                f"the model holds types that are not trusted: {', '.join(sorted(untrusted))};"
                " name them in endpoint.toml under [engine_options] trusted = [...]"
            )
        return skops_io.loads(data, trusted=self._trusted)

    def predict(self, data: Any) -> Any:
        try:
            return self._model.predict(data)
        except sklearn.exceptions.NotFittedError as error:  # as a ValueError the caller's fault
            name = type(error).__name__
            raise UserCodeError(redact(str(error)), stage="process", type_name=name) from error
        except Exception as error:
            from lambda_serving.engines.refusals import raise_refusal

            raise_refusal(error)
            if self._versions:  # the likely cause, and no secret
                error.add_note(f"the model{self._versions}")
            raise

    def describe(self) -> dict[str, Any]:
        names = getattr(self._model, "feature_names_in_", None)
        count = getattr(self._model, "n_features_in_", None)
        return {"features": count if names is None else list(names), **super().describe()}


def describe_versions(caught: list[warnings.WarningMessage]) -> str:
    """Which scikit-learn saved the model, where it was another one; to end an error's text."""
    for each in caught:
        if isinstance(each.message, sklearn.exceptions.InconsistentVersionWarning):
            told = each.message
            saved, here = told.original_sklearn_version, told.current_sklearn_version
            return f"; it was saved by scikit-learn {saved}, here is {here}"
    return ""

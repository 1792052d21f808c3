"""Which models may be unpickled: a pickle (joblib's too) runs code of whoever made it."""

from __future__ import annotations

from lambda_serving.settings.endpoint import VersionSettings

PICKLING_ENGINES = ("sklearn",)
"""Engines that unpickle a model by themselves."""

SAFE_SUFFIX = ".skops"
"""Of the one kind of file that such an engine reads without running code."""


def find_objection(settings: VersionSettings, name: str, is_foreign: bool) -> str:
    """Why a version's model file may not be unpickled, and what to do; "" where it may.

    ``is_foreign``: it lies in another bucket than the stack's.
    """
    if name.endswith(SAFE_SUFFIX):
        return ""
    if is_foreign:
        return (
            "the model is a pickle, which runs code where it is loaded, and lies in another bucket"
            " than the stack's: copy it to the stack's own, or save it as .skops or ONNX"
        )
    if settings.allow_pickle or settings.sha256:
        return ""
    return (
        "the model is a pickle, which runs code where it is loaded: where you trust whoever can"
        " write to the bucket, say `allow_pickle = true` in endpoint.toml; or pin the file by its"
        " `sha256`; or save it as .skops or ONNX, which run none"
    )

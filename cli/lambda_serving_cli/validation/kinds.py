"""Which kind of model a file holds, by its first bytes or else its suffix, and who runs it."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

HEAD = 64
"""Bytes of a file that tell its kind."""

PICKLE, SKOPS, ONNX = "a pickle", "a skops file", "an ONNX model"
XGBOOST, LIGHTGBM = "an XGBoost model", "a LightGBM model"
COMPRESSED, ZIP = "a compressed file", "a zip archive"

TAKES = {
    "onnx": {ONNX},
    "triton": {ONNX},
    "sklearn": {PICKLE, SKOPS, COMPRESSED},
    "xgboost": {XGBOOST},
    "lightgbm": {LIGHTGBM},
}
"""Engine -> what it loads by itself; engines that are not here run the user's code alone."""

SIGNATURES = (
    (rb"\x80[\x02-\x05]", PICKLE),
    (rb"\(?c__builtin__|\(?c[a-z_.]+\n", PICKLE),  # protocol 0
    (rb"x[\x01\x5e\x9c\xda]|\x1f\x8b|BZh|\xfd7zXZ|\]\0\0|\x04\x22M\x18", COMPRESSED),  # joblib's
    (rb"PK\x03\x04", ZIP),
    (rb'\{L\0{7}\x07learner|\{\s*"(learner|version)"|binf', XGBOOST),
    (rb"tree\r?\n", LIGHTGBM),
    # ModelProto: ir_version = 1, then producer_name = 2, opset_import = 8, graph = 7 or the like.
    (rb"\x08[\x01-\x1f][\x12\x1a\x22\x28\x32\x3a\x42\x72]", ONNX),
    (rb".{4}ORTM", ONNX),
    (rb"\x89HDF\r\n", "a Keras model (HDF5)"),
    (rb"CBM1", "a CatBoost model"),
)
"""The beginning of a file -> its kind."""

SUFFIXES = {
    ".onnx": ONNX, ".ort": ONNX, ".joblib": PICKLE, ".pkl": PICKLE, ".pickle": PICKLE,
    ".skops": SKOPS, ".ubj": XGBOOST, ".bst": XGBOOST, ".xgb": XGBOOST, ".lgb": LIGHTGBM,
    ".pt": "a PyTorch model", ".pth": "a PyTorch model", ".cbm": "a CatBoost model",
    ".h5": "a Keras model (HDF5)", ".keras": "a Keras model", ".pb": "a TensorFlow model",
    ".tflite": "a TensorFlow Lite model",
}  # fmt: skip


def find_mismatch(engine: str, heads: Mapping[str, bytes]) -> str:
    """Why an engine cannot load a model, of which these are the files and their first bytes; or "".

    Of several files one that it loads is enough, and one of an unknown kind is not judged.
    """
    takes = TAKES.get(engine)
    if takes is None or not heads:
        return ""
    kinds = {name: recognise_kind(name, head) for name, head in heads.items()}
    main = {name: kind for name, kind in kinds.items() if name.startswith("model.")} or kinds
    if takes & set(kinds.values()) or None in main.values():
        return ""
    name, kind = next(iter(main.items()))
    others = [other for other, theirs in TAKES.items() if kind in theirs and other != "triton"]
    advice = f": the engine {others[0]} does" if others else ""
    expected = " or ".join(sorted(takes - {COMPRESSED}))
    return f"{name} is {kind}, which the engine {engine} does not load{advice}; it takes {expected}"


def recognise_kind(name: str, head: bytes) -> str | None:
    """What a file is; by its suffix where its first bytes tell nothing."""
    suffix = PurePosixPath(name).suffix.lower()
    for pattern, kind in SIGNATURES:
        if re.match(pattern, head, re.DOTALL):
            if kind == ZIP:  # of which several kinds are made
                return SUFFIXES.get(suffix)
            return kind
    return None if head and suffix in (".json", ".txt") else SUFFIXES.get(suffix)

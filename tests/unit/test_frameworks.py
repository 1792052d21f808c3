"""What made a model is read off real files, of which nothing is unpickled."""

import io
import json
import pickle
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import pytest
import sklearn
import xgboost
from skops import io as skops_io

from examples import iris, iris_lightgbm, iris_xgboost
from lambda_serving_cli.registry import pickles
from lambda_serving_cli.registry.frameworks import name_framework, recognise

SKLEARN = ("sklearn", {"scikit-learn": sklearn.__version__})
XGBOOST = ("xgboost", {"xgboost": xgboost.__version__})
ONNX = ("onnx", {"skl2onnx": version("skl2onnx")})


def dump(compress: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(iris.train_pipeline(), file, compress=compress)
    return file.getvalue()


def save(booster: Any, raw_format: str) -> bytes:
    return bytes(booster.save_raw(raw_format=raw_format))


def fit(model: Any) -> bytes:
    from sklearn.datasets import load_iris

    return pickle.dumps(model.fit(*load_iris(return_X_y=True)))


MODELS: dict[str, tuple[Callable[[], bytes], Any]] = {
    "model.joblib": (lambda: iris.make_sklearn()["model.joblib"], SKLEARN),
    "zlib.joblib": (lambda: dump(3), SKLEARN),
    "gzip.joblib": (lambda: dump(("gzip", 3)), SKLEARN),
    "bz2.joblib": (lambda: dump(("bz2", 3)), SKLEARN),
    "xz.joblib": (lambda: dump(("xz", 3)), SKLEARN),
    "lzma.joblib": (lambda: dump(("lzma", 3)), SKLEARN),
    "protocol2.pkl": (lambda: pickle.dumps(iris.train_pipeline(), protocol=2), SKLEARN),
    "protocol3.pkl": (lambda: pickle.dumps(iris.train_pipeline(), protocol=3), SKLEARN),
    "protocol5.pickle": (lambda: pickle.dumps(iris.train_pipeline(), protocol=5), SKLEARN),
    "pipeline.skops": (
        lambda: skops_io.dumps(iris.train_pipeline()),
        ("sklearn", {"scikit-learn": sklearn.__version__, "skops": version("skops")}),
    ),
    "model.ubj": (lambda: save(iris_xgboost.train_booster(), "ubj"), XGBOOST),
    "booster.json": (lambda: save(iris_xgboost.train_booster(), "json"), XGBOOST),
    "booster.pkl": (lambda: pickle.dumps(iris_xgboost.train_booster()), ("xgboost", {})),
    "classifier.pkl": (
        lambda: fit(xgboost.XGBClassifier(n_estimators=2, n_jobs=1)),
        ("xgboost", {}),
    ),
    "model.txt": (lambda: iris_lightgbm.make_lightgbm()["model.txt"], ("lightgbm", {})),
    "lightgbm.pkl": (
        lambda: fit(lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1)),
        ("lightgbm", {"scikit-learn": sklearn.__version__}),
    ),
    "model.onnx": (lambda: iris.make_onnx()["model.onnx"], ONNX),
    "net.pt": (lambda: b"", ("pytorch", {})),
    "net.keras": (lambda: b"", ("tensorflow", {})),
    "list.pkl": (lambda: pickle.dumps([1, 2]), None),
    "settings.json": (lambda: json.dumps({"a": 1}).encode(), None),
    "words.txt": (lambda: b"tree of words", None),
    "model.bin": (lambda: b"?", None),
}


@pytest.mark.parametrize("name", MODELS)
def test_files(tmp_path: Path, name: str) -> None:
    make, expected = MODELS[name]
    path = tmp_path / name
    path.write_bytes(make())
    found = recognise(path)
    if expected is None:
        assert found is None
    else:
        assert found is not None and found.doubt == ""
        assert (found.framework, found.libraries) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model.onnx", "is no whole ONNX model"),
        ("model.ubj", "is no whole XGBoost model"),
        ("booster.json", "is no whole XGBoost model"),
        ("model.txt", "is no whole LightGBM model"),
        ("pipeline.skops", "is no skops file"),
    ],
)
def test_files_that_are_cut(tmp_path: Path, name: str, text: str) -> None:
    content = MODELS[name][0]()
    for kept in (len(content) // 2, len(content) * 3 // 4, 5):
        path = tmp_path / name
        path.write_bytes(content[:kept])
        found = recognise(path)
        assert found is None or text in found.doubt, kept
        assert found is not None or kept == 5


@pytest.mark.parametrize("name", ["zlib.joblib", "gzip.joblib", "xz.joblib", "protocol5.pickle"])
def test_pickles_that_are_cut(tmp_path: Path, name: str) -> None:
    content = MODELS[name][0]()
    path = tmp_path / name
    for kept in range(0, len(content), 97):
        path.write_bytes(content[:kept])
        found = recognise(path)
        assert found is None or found.framework == "sklearn"


@pytest.mark.parametrize("name", ["model.joblib", "zlib.joblib", "protocol2.pkl"])
def test_a_version_across_blocks(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(MODELS[name][0]())
    for block in range(61, 80):
        monkeypatch.setattr(pickles, "BLOCK", block)
        assert pickles.find_sklearn_version(path) == sklearn.__version__


def test_folders(tmp_path: Path) -> None:
    onnx, forest = MODELS["model.onnx"][0](), MODELS["model.joblib"][0]()

    def check(**files: bytes) -> Any:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, content in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return recognise(folder)

    found = check(**{"net__model.onnx": onnx, "config.json": b"{}", "words.txt": b"a"})
    assert (found.framework, found.libraries) == ONNX
    assert check(**{"a.onnx": onnx, "b.onnx": onnx}).framework == "onnx"
    assert check(**{"model.onnx": onnx, "scaler.joblib": forest}).framework == "onnx"
    assert check(**{"a.onnx": onnx, "scaler.joblib": forest}) is None
    assert check(**{"saved_model.pb": b"", "variables__0.index": b""}).framework == "tensorflow"
    assert check(**{"words.txt": b"a"}) is None


def test_names() -> None:
    assert name_framework("Scikit-Learn") == "sklearn"
    assert name_framework("PyTorch") == "pytorch"
    with pytest.raises(ValueError, match="expected one of onnx, .*, not 'abacus'"):
        name_framework("abacus")

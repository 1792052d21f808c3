"""The sklearn engine: joblib, pickle and skops files, folders, and what models refuse."""

import io
import logging
import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn.base
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops import io as skops_io

from lambda_serving.engines.sklearn import SklearnEngine
from lambda_serving.errors import InputError, ModelLoadError, SettingsError, UserCodeError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings

X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
MODEL = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X.sum(axis=1))


def make_engine(**options: Any) -> SklearnEngine:
    return SklearnEngine(
        VersionSettings("e", "1", "sklearn", "m", allow_pickle=True, engine_options=options),
        vcpus=1,
    )


def load(data: bytes, name: str, scratch: Path, **options: Any) -> SklearnEngine:
    engine = make_engine(**options)
    engine.load(Model(name, scratch, data=data))
    return engine


def dump_joblib(model: Any, compress: int = 0) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file, compress=compress)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.joblib", dump_joblib(MODEL)),
        ("m.joblib", dump_joblib(MODEL, compress=3)),
        ("m.pkl", pickle.dumps(MODEL)),
        ("m", pickle.dumps(MODEL, protocol=2)),
        ("m.skops", skops_io.dumps(MODEL)),
    ],
)
def test_every_format(name: str, data: bytes, tmp_path: Path) -> None:
    engine = load(data, name, tmp_path)
    assert engine.predict([[1.0, 2.0]]) == pytest.approx([3.0])
    assert engine.describe() == {"features": 2, "model": "Pipeline"}
    assert not list(tmp_path.iterdir()), "a model in memory needs no file"


@pytest.mark.parametrize("name", ["m.joblib", "m.pkl", "m.skops"])
def test_models_on_disk(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    skops_io.dump(MODEL, file) if name.endswith("skops") else joblib.dump(MODEL, file)
    engine = make_engine()
    engine.load(Model(name, tmp_path, path=file))
    assert engine.predict([[1.0, 2.0]]) == pytest.approx([3.0])


@pytest.mark.parametrize("name", ["model.joblib", "any.pkl", "model.skops"])
def test_models_in_folders(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    file = folder / name
    skops_io.dump(MODEL, file) if name.endswith("skops") else joblib.dump(MODEL, file)
    if name.startswith("model"):
        (folder / "notes.txt").write_text("beside the model")
    engine = make_engine()
    engine.load(Model("m", tmp_path, path=folder))
    assert engine.predict([[1.0, 2.0]]) == pytest.approx([3.0])


def test_feature_names_are_described(tmp_path: Path) -> None:
    model = LinearRegression().fit(X, X.sum(axis=1))
    model.feature_names_in_ = np.array(["a", "b"], dtype=object)
    engine = load(pickle.dumps(model), "m.pkl", tmp_path)
    assert engine.describe() == {"features": ["a", "b"], "model": "LinearRegression"}


def double(array: Any) -> Any:
    return np.asarray(array) * 2


def test_skops_trusts_nothing_unnamed(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(double), LinearRegression()).fit(X, X.sum(axis=1))
    data = skops_io.dumps(model)
    (name,) = skops_io.get_untrusted_types(data=data)
    with pytest.raises(ModelLoadError, match="types that are not trusted: .*double.*trusted ="):
        load(data, "m.skops", tmp_path)
    engine = load(data, "m.skops", tmp_path, trusted=[name])
    assert engine.predict([[1.0, 2.0]]) == pytest.approx([3.0])


def test_options(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="engine_options.n_jobs: the engine 'sklearn' has trust"
    ):
        make_engine(n_jobs=2)
    for wrong in ("numpy.double", 3, [1]):
        with pytest.raises(SettingsError, match="engine_options.trusted: expected"):
            make_engine(trusted=wrong)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.joblib", b"no pickle"),
        ("m.joblib", b""),
        ("m.joblib", dump_joblib(MODEL)[:-20]),
        ("m.pkl", b"cno_such_module\nX\n."),
        ("m.skops", b"no zip"),
    ],
)
def test_broken_models(name: str, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"scikit-learn cannot load the model \(\w+\)"):
        load(data, name, tmp_path)


def test_a_pickle_of_a_module_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="'no_such_module': list its package in the endp"):
        load(b"cno_such_module\nX\n.", "m.pkl", tmp_path)


def test_values_that_are_none(tmp_path: Path) -> None:
    engine = load(dump_joblib(MODEL), "m.joblib", tmp_path)
    with pytest.raises((InputError, ValueError), match="NoneType|NaN"):
        engine.predict([[1, None]])


def test_a_model_that_is_not_fitted(tmp_path: Path) -> None:
    """What the caller sent is not to blame."""
    engine = load(dump_joblib(LinearRegression()), "m.joblib", tmp_path)
    with pytest.raises(UserCodeError, match="not fitted") as raised:
        engine.predict([[1.0, 2.0]])
    assert (raised.value.status, raised.value.type) == (500, "NotFittedError")


def test_no_model() -> None:
    with pytest.raises(ModelLoadError, match="needs a model"):
        make_engine().load(None)


def test_an_object_without_predict_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="predict"):
        load(pickle.dumps({"a": 1}), "m.pkl", tmp_path)


def test_another_version_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """scikit-learn warns by ``warnings``, which no log of a Lambda shows by its level."""
    monkeypatch.setattr(sklearn.base, "__version__", "1.0")
    data = pickle.dumps(LinearRegression().fit(X, X.sum(axis=1)))
    monkeypatch.undo()
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        load(data, "m.pkl", tmp_path)
    assert "loading the model: Trying to unpickle estimator LinearRegression" in caplog.text


@pytest.mark.parametrize("data", [None, 3, {"a": 1}, b"raw", "text", [["a", "b"]], [1.0, 2.0]])
def test_what_the_model_cannot_take(data: Any, tmp_path: Path) -> None:
    """The model's ValueError passes as it is: the pipeline makes 422 of both."""
    with pytest.raises((InputError, ValueError)):
        load(pickle.dumps(MODEL), "m.pkl", tmp_path).predict(data)


def test_a_model_of_the_users_own() -> None:
    class Constant:
        def predict(self, data: int) -> int:
            return data + 1

    engine = make_engine()
    engine.adopt(Constant())
    assert engine.predict(1) == 2
    assert engine.describe() == {"features": None, "model": "Constant"}

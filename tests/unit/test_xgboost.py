"""The xgboost engine: every file format, options, and what a Booster refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from lambda_serving.engines.xgboost import XgboostEngine
from lambda_serving.errors import InputError, ModelLoadError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings

X = np.random.default_rng(3).uniform(0, 4, size=(100, 2))
ROW = np.array([[1.0, 2.0]])


def train(**params: Any) -> xgboost.Booster:
    data = xgboost.DMatrix(X, X.sum(axis=1))
    return xgboost.train({"max_depth": 3, "nthread": 1} | params, data, num_boost_round=3)


BOOSTER = train()
ANSWER = BOOSTER.predict(xgboost.DMatrix(ROW))


def make_engine(vcpus: int = 1, **options: Any) -> XgboostEngine:
    settings = VersionSettings("e", "1", "xgboost", "m.ubj", engine_options=options)
    return XgboostEngine(settings, vcpus)


def load(scratch: Path, data: bytes | None = None, **options: Any) -> XgboostEngine:
    return load_bytes(scratch, data or bytes(BOOSTER.save_raw("ubj")), **options)


def load_bytes(scratch: Path, data: bytes, **options: Any) -> XgboostEngine:
    engine = make_engine(**options)
    engine.load(Model("m.ubj", scratch, data=data))
    return engine


@pytest.mark.parametrize("kind", ["ubj", "json"])
def test_formats(kind: str, tmp_path: Path) -> None:
    engine = load(tmp_path, bytes(BOOSTER.save_raw(kind)))
    assert engine.predict(xgboost.DMatrix(ROW)) == pytest.approx(ANSWER)
    assert engine.describe() == {"features": 2}


def test_models_on_disk_and_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    BOOSTER.save_model(folder / "model.json")
    for path in (folder, folder / "model.json"):
        engine = make_engine()
        engine.load(Model(path.name, tmp_path, path=path))
        assert engine.predict(ROW) == pytest.approx(ANSWER)


@pytest.mark.parametrize("data", [ROW, ROW.tolist(), ROW.astype(np.float32), xgboost.DMatrix(ROW)])
def test_a_dmatrix_or_what_one_is_made_of(data: Any, tmp_path: Path) -> None:
    assert load(tmp_path).predict(data) == pytest.approx(ANSWER)


def test_options_are_predicts_arguments(tmp_path: Path) -> None:
    assert load(tmp_path, pred_leaf=True).predict(ROW).shape == (1, 3)
    assert load(tmp_path, pred_contribs=True).predict(ROW).shape == (1, 3)
    with pytest.raises(SettingsError, match="engine_options.data: the engine 'xgboost' has output"):
        make_engine(data=1)
    with pytest.raises(SettingsError, match=r"engine_options.threads: .*pred_leaf"):
        make_engine(threads=1)


def test_threads_follow_the_memory(tmp_path: Path) -> None:
    engine = make_engine(vcpus=2)
    engine.load(Model("m.ubj", tmp_path, data=bytes(BOOSTER.save_raw("ubj"))))
    assert '"nthread":"2"' in engine._model.save_config()


def test_feature_names(tmp_path: Path) -> None:
    data = xgboost.DMatrix(X, X.sum(axis=1), feature_names=["a", "b"])
    booster = xgboost.train({"nthread": 1}, data, num_boost_round=2)
    engine = load(tmp_path, bytes(booster.save_raw("ubj")))
    assert engine.describe() == {"features": ["a", "b"]}
    named = xgboost.DMatrix(ROW, feature_names=["a", "b"])
    assert engine.predict(named).shape == (1,)
    assert engine.predict(ROW.tolist()) == pytest.approx(engine.predict(named))
    with pytest.raises((InputError, ValueError), match="feature"):
        engine.predict([[1.0]])
    wrong = xgboost.DMatrix(ROW, feature_names=["b", "a"])
    with pytest.raises((InputError, ValueError), match="feature"):
        engine.predict(wrong)


@pytest.mark.filterwarnings("ignore:Unknown data type:UserWarning")
@pytest.mark.parametrize("data", [None, {"a": 1}, np.ones((1, 5)), b"raw", "/etc/passwd", object()])
def test_what_the_model_cannot_take(data: Any, tmp_path: Path) -> None:
    with pytest.raises((InputError, ValueError)) as refused:
        load(tmp_path).predict(data)
    assert "/" not in str(refused.value)


def test_the_widths_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected rows of 2 features, got 5 features"):
        load(tmp_path).predict(np.ones((1, 5)))


def test_broken_models(tmp_path: Path) -> None:
    raw = bytes(BOOSTER.save_raw("ubj"))
    for data in (b"no model", raw[:-40], b"{}"):
        with pytest.raises(ModelLoadError, match="xgboost cannot load the model"):
            load(tmp_path, data)
    for data in (b"", b" ", b"binf" + bytes(300)):
        with pytest.raises(ModelLoadError, match="neither UBJSON nor JSON; .* save it as .ubj"):
            load_bytes(tmp_path, data)
    with pytest.raises(ModelLoadError, match="needs a model"):
        make_engine().load(None)


def test_a_model_of_the_users_own() -> None:
    class Constant:
        def predict(self, data: int) -> int:
            return data + 1

    engine = make_engine(pred_leaf=True)
    engine.adopt(Constant())
    assert engine.predict(1) == 2
    assert engine.describe() == {"model": "Constant"}
    engine.adopt(train())
    assert engine.predict(ROW).shape == (1, 3)


def test_a_model_of_the_users_own_that_fails() -> None:
    """No library speaks here of its input."""

    class Picky:
        def predict(self, data: Any) -> Any:
            raise TypeError("no /var/task/x")

    engine = make_engine()
    engine.adopt(Picky())
    with pytest.raises(TypeError, match="no /var/task/x"):  # of the pipeline a 500 without text
        engine.predict([[1]])

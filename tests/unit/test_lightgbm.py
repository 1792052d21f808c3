"""The lightgbm engine: a Booster as text, options, and what it refuses."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from lambda_serving.engines.lightgbm import LightgbmEngine
from lambda_serving.errors import InputError, ModelLoadError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings

X = np.random.default_rng(3).uniform(0, 4, size=(100, 2))
ROW = np.array([[1.0, 2.0]])
PARAMS = {"min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1}
BOOSTER = lightgbm.train(PARAMS, lightgbm.Dataset(X, X.sum(axis=1)), num_boost_round=3)
ANSWER = BOOSTER.predict(ROW)
TEXT = BOOSTER.model_to_string()


def make_engine(**options: Any) -> LightgbmEngine:
    settings = VersionSettings("e", "1", "lightgbm", "m.txt", engine_options=options)
    return LightgbmEngine(settings, vcpus=1)


def load(scratch: Path, data: bytes = TEXT.encode(), **options: Any) -> LightgbmEngine:
    engine = make_engine(**options)
    engine.load(Model("m.txt", scratch, data=data))
    return engine


@pytest.mark.parametrize("data", [ROW, ROW.tolist(), ROW.astype(np.float32)])
def test_predict(data: Any, tmp_path: Path) -> None:
    engine = load(tmp_path)
    assert engine.predict(data) == pytest.approx(ANSWER)
    assert engine.describe() == {"features": ["Column_0", "Column_1"]}


def test_models_on_disk_and_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "model.txt").write_text(TEXT)
    for path in (folder, folder / "model.txt"):
        engine = make_engine()
        engine.load(Model(path.name, tmp_path, path=path))
        assert engine.predict(ROW) == pytest.approx(ANSWER)


def test_options_are_predicts_arguments(tmp_path: Path) -> None:
    assert load(tmp_path, pred_leaf=True).predict(ROW).shape == (1, 3)
    assert load(tmp_path, num_iteration=1).predict(ROW) != pytest.approx(ANSWER)
    with pytest.raises(SettingsError, match="engine_options.data: the engine 'lightgbm' has"):
        make_engine(data=1)
    for unknown in ("threads", "kwargs", "self"):
        with pytest.raises(SettingsError, match=f"engine_options.{unknown}: .*pred_leaf"):
            make_engine(**{unknown: 1})


def test_parameters_of_lightgbms_own(tmp_path: Path) -> None:
    """``Booster.predict(**kwargs)`` takes LightGBM's prediction parameters."""
    engine = load(tmp_path, predict_disable_shape_check=True)
    assert engine.predict(np.ones((1, 5))).shape == (1,)


@pytest.mark.parametrize(
    "data", [None, {"a": 1}, np.ones((1, 5)), b"raw", "/etc/passwd", object(), [["a", "b"]]]
)
def test_what_the_model_cannot_take(data: Any, tmp_path: Path) -> None:
    with pytest.raises((InputError, ValueError)) as refused:
        load(tmp_path).predict(data)
    assert "/" not in str(refused.value)


def test_paths_are_never_read(tmp_path: Path) -> None:
    """LightGBM would predict from a file; a caller must not choose which."""
    file = tmp_path / "rows.csv"
    file.write_text("0,1.0,2.0\n")
    for data in (str(file), file, str(file).encode()):
        with pytest.raises(InputError):
            load(tmp_path).predict(data)


@pytest.mark.parametrize("data", [b"no model", b"\xff\xfe", b"", TEXT.encode()[:200]])
def test_broken_models(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="lightgbm cannot load the model"):
        load(tmp_path, data)


CUT = """
import sys
from pathlib import Path
from lambda_serving.engines.lightgbm import LightgbmEngine
from lambda_serving.errors import ModelLoadError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings
engine = LightgbmEngine(VersionSettings("e", "1", "lightgbm", "m.txt"), vcpus=1)
text = sys.stdin.buffer.read()
for tenths in range(1, 7):
    try:
        engine.load(Model("m.txt", Path("/tmp"), data=text[: len(text) * tenths // 10]))
    except ModelLoadError as error:
        print(tenths, error, flush=True)
"""


def test_models_cut_short_do_not_end_the_process() -> None:
    """LightGBM reads trees in threads of its own, where its error ends the whole process.

    So the engine must tell by itself that trees are missing; a process, to see it end. What
    follows the trees (the last third) are the parameters of the training, needed by nothing.
    """
    command = [sys.executable, "-c", CUT]
    done = subprocess.run(command, input=TEXT, capture_output=True, text=True)
    told = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(told) == ["1", "2", "3", "4", "5", "6"], done
    assert all(each.startswith("lightgbm cannot load the model") for each in told.values())


def test_broken_models_on_disk(tmp_path: Path) -> None:
    """In a folder the text is read from a file, whatever its encoding."""
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "model.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelLoadError, match="lightgbm cannot load the model"):
        make_engine().load(Model("m", tmp_path, path=folder))


def test_no_model() -> None:
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
    engine.adopt(BOOSTER)
    assert engine.predict(ROW).shape == (1, 3)

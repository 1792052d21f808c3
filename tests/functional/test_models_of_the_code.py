"""An endpoint without `model`: its `load` gets None and returns what the engine runs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Handler
from tests.contract.engines import BODY, ENGINE_CASES, EngineCase
from tests.events import load_event

CODE = """
from pathlib import Path
{imports}

class Own:
    def predict(self, data):
        return [[3.0]]

class Preprocess:
    def load(self, local_file_name):
        assert local_file_name is None
        file = str(Path(__file__).parent / "{model}")
        {load}

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        return {rows}

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        return {{"y": float(np.ravel(data)[0])}}
"""
LOADS = {
    "sklearn": "import joblib; return joblib.load(file)",
    "xgboost": "return xgboost.Booster(model_file=file)",
    "lightgbm": "import lightgbm; return lightgbm.Booster(model_file=file)",
    "onnx": "import onnxruntime; return onnxruntime.InferenceSession(file)",
    "triton": "import onnxruntime; return onnxruntime.InferenceSession(file)",
}
CASES = [case for case in ENGINE_CASES if case.name in LOADS]


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> Callable[..., Handler]:
    def start(case: EngineCase, load: str) -> Handler:
        text = CODE.format(imports=case.imports, model=case.model, load=load, rows=case.rows)
        folder = make_folder(f'endpoint = "iris_onnx"\nengine = "{case.name}"\n', text)
        case.make(folder / case.model)
        return start_handler(folder)

    return start


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_librarys_own_model(
    start: Callable[..., Handler], tmp_path: Path, case: EngineCase
) -> None:
    case.make(tmp_path / case.model)
    expected = float(np.ravel(case.ask(tmp_path / case.model))[0])
    assert start(case, LOADS[case.name])(BODY) == {"y": pytest.approx(expected)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_object_with_predict(start: Callable[..., Handler], case: EngineCase) -> None:
    assert start(case, "return Own()")(BODY) == {"y": 3.0}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_load_that_returns_nothing(start: Callable[..., Handler], case: EngineCase) -> None:
    answer = start(case, "return None")(load_event("http_post_json"))
    assert answer["statusCode"] == 503
    problem = json.loads(answer["body"])
    assert problem["type"] == "ModelLoadError"
    assert "needs a model, or a load that returns one" in problem["detail"]

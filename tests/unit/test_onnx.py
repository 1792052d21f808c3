"""The onnx engine on small real graphs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from lambda_serving.engines.onnx import OnnxEngine
from lambda_serving.engines.tensors import TensorSpec, make_tensor
from lambda_serving.errors import InputError, ModelLoadError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import Tensors, VersionSettings
from tests.models import make_adder

FLOAT, INT, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def make_identity(**types: int) -> bytes:
    """A graph that gives every input ``x`` back as ``x_out``, each of shape [-1, 2]."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in types],
        "identity",
        [helper.make_tensor_value_info(name, kind, ["n", 2]) for name, kind in types.items()],
        [
            helper.make_tensor_value_info(f"{name}_out", kind, ["n", 2])
            for name, kind in types.items()
        ],
    )
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def make_engine(data: bytes, tmp_path: Path, **settings: Any) -> OnnxEngine:
    engine = OnnxEngine(VersionSettings("e", "1", "onnx", "m.onnx", **settings), vcpus=1)
    engine.load(Model("m.onnx", tmp_path, data=data))
    return engine


@pytest.mark.parametrize(
    "data", [[[1, 2]], np.array([[1.0, 2.0]]), np.array([[1, 2]], dtype=np.uint8), [[True, 2]]]
)
def test_one_input_takes_the_data_as_it_is(data: Any, tmp_path: Path) -> None:
    answer = make_engine(make_adder(), tmp_path).predict(data)
    assert answer.dtype == np.float32
    assert answer.tolist() == [[sum(map(float, data[0]))]]


def test_several_inputs_by_list_and_by_name(tmp_path: Path) -> None:
    engine = make_engine(make_identity(x=FLOAT, y=INT), tmp_path)
    for data in ([[[1, 2]], [[3, 4]]], {"y": [[3, 4]], "x": [[1, 2]]}):
        x, y = engine.predict(data)
        assert (x.tolist(), y.tolist()) == ([[1.0, 2.0]], [[3, 4]])
        assert (x.dtype, y.dtype) == (np.float32, np.int64)


def test_declared_names_set_the_order(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "input": Tensors(name=("y", "x"), type=("int64", "float32")),
        "output": Tensors(name=("y_out",)),
    }
    engine = make_engine(make_identity(x=FLOAT, y=INT), tmp_path, **settings)
    assert engine.predict([[[3, 4]], [[1, 2]]]).tolist() == [[3, 4]]


def test_strings(tmp_path: Path) -> None:
    engine = make_engine(make_identity(s=STRING), tmp_path)
    assert engine.predict([["a", "ü"]]).tolist() == [["a", "ü"]]
    with pytest.raises(InputError, match=r"input 's': expected str\[-1, 2\], got int in \[1, 2\]"):
        engine.predict([[1, 2]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2], r"input 'x': expected float32\[-1, 2\], got int64\[2\]"),
        ([[1, 2, 3]], r"got int64\[1, 3\]"),
        ([["a", "b"]], r"got <U1\[1, 2\]"),
        ([[1], [1, 2]], "got rows of unequal length"),
        ([[object(), 1]], "with values that are no numbers"),
        (None, r"got object\[\]"),
        ({"z": 1}, r"expected \['x'\], got \['z'\]"),
        (b"raw", r"got \|S3\[\]"),
    ],
)
def test_what_the_model_cannot_take(data: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        make_engine(make_identity(x=FLOAT), tmp_path).predict(data)


def test_an_array_that_is_right_is_not_copied() -> None:
    spec = TensorSpec("x", "float32", (-1, 2))
    right = np.zeros((3, 2), dtype=np.float32)
    assert make_tensor(spec, right) is right
    with pytest.raises(InputError, match=r"got float32\[3, 2\]"):
        make_tensor(TensorSpec("x", "float32", (-1, 4)), right)


@pytest.mark.parametrize("data", [[1.0], np.ones(1, dtype=np.float32)])
def test_a_type_that_numpy_lacks_is_named(data: Any) -> None:
    with pytest.raises(InputError, match=r"tensor\(bfloat16\) cannot be made from JSON or NumPy"):
        make_tensor(TensorSpec("x", "tensor(bfloat16)", (-1,)), data)


def test_integers_are_never_cut(tmp_path: Path) -> None:
    engine = make_engine(make_identity(x=INT), tmp_path)
    assert engine.predict([[1.0, 2.0]]).tolist() == [[1, 2]]
    with pytest.raises(InputError, match="with values that int64 cannot hold"):
        engine.predict([[1.5, 2.0]])


@pytest.mark.parametrize("number", [1e300, -1e39, 10**400])
def test_numbers_do_not_become_infinite(number: float, tmp_path: Path) -> None:
    engine = make_engine(make_identity(x=FLOAT), tmp_path)
    for other in (1, None):
        with pytest.raises(InputError, match="with values that float32 cannot hold"):
            engine.predict([[number, other]])
    assert engine.predict([[np.inf, 1e-300]]).tolist() == [[np.inf, 0]]


def test_none_becomes_nan(tmp_path: Path) -> None:
    answer = make_engine(make_identity(x=FLOAT), tmp_path).predict([[None, 1]])
    assert np.isnan(answer[0, 0])
    assert answer[0, 1] == 1


def test_several_inputs_wrongly_given(tmp_path: Path) -> None:
    engine = make_engine(make_identity(x=FLOAT, y=INT), tmp_path)
    for data, came in (([[[1, 2]]], "got 1"), (3, "got int")):
        with pytest.raises(InputError, match=rf"a list of 2 \['x', 'y'\], {came}"):
            engine.predict(data)


def test_declared_tensors_that_are_not_the_models(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"input.name: the model has \['x'\], not \['z'\]"):
        make_engine(make_identity(x=FLOAT), tmp_path, input=Tensors(name=("z",)))
    for names in (("x",), ("x", "x"), ("x", "y", "y")):  # each input is fed, and once
        with pytest.raises(SettingsError, match=r"input.name: the model has \['x', 'y'\], not"):
            make_engine(make_identity(x=FLOAT, y=INT), tmp_path, input=Tensors(name=names))
    with pytest.raises(SettingsError, match="'x' is float32 in the model, not int64"):
        make_engine(make_identity(x=FLOAT), tmp_path, input=Tensors(type=("int64",)))


def test_a_session_or_a_predictor_of_the_users_own(tmp_path: Path) -> None:
    class Predictor:
        def predict(self, data: int) -> int:
            return data + 1

    engine = make_engine(make_adder(), tmp_path)
    engine.adopt(Predictor())
    assert engine.predict(1) == 2
    other = OnnxEngine(VersionSettings("e", "1", "onnx"), vcpus=1)
    other.adopt(ort.InferenceSession(make_adder(width=3)))
    assert other.predict([[1, 2, 3]]).tolist() == [[6.0]]
    assert other.describe()["inputs"] == [{"name": "row", "type": "float32", "shape": [-1, 3]}]


def test_models_in_folders(tmp_path: Path) -> None:
    engine = OnnxEngine(VersionSettings("e", "1", "onnx", "m/"), vcpus=1)
    folder = tmp_path / "m"
    folder.mkdir()
    model = Model("m", tmp_path, path=folder)
    with pytest.raises(
        ModelLoadError, match=r"expected one file .onnx or one named model.onnx, got \[\]"
    ):
        engine.load(model)
    (folder / "any.onnx").write_bytes(make_adder())
    engine.load(model)
    (folder / "b.onnx").write_bytes(make_adder())
    with pytest.raises(ModelLoadError, match=r"got \['any.onnx', 'b.onnx'\]"):
        engine.load(model)
    (folder / "model.onnx").write_bytes(make_adder())
    engine.load(model)


def test_no_model_and_a_broken_one(tmp_path: Path) -> None:
    engine = OnnxEngine(VersionSettings("e", "1", "onnx"), vcpus=1)
    with pytest.raises(ModelLoadError, match="needs a model"):
        engine.load(None)
    with pytest.raises(ModelLoadError, match="onnxruntime cannot load the model"):
        engine.load(Model("m.onnx", tmp_path, data=b"no protobuf"))


def test_telemetry_is_off() -> None:
    import os

    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"

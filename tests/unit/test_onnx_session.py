"""Sessions of the onnx engine: options, external data, dynamic lengths, odd types."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from lambda_serving.engines.onnx import OnnxEngine
from lambda_serving.engines.onnx_session import OPTIONS, make_options, open_session, read_specs
from lambda_serving.errors import InputError, ModelLoadError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import Tensors, VersionSettings
from tests.models import make_adder


def make_settings(**options: Any) -> VersionSettings:
    return VersionSettings("e", "1", "onnx", "m.onnx", engine_options=options)


def make_engine(data: bytes, scratch: Path, **settings: Any) -> OnnxEngine:
    engine = OnnxEngine(VersionSettings("e", "1", "onnx", "m.onnx", **settings), vcpus=1)
    engine.load(Model("m.onnx", scratch, data=data))
    return engine


def make_graph(shape: list[Any], kind: int = TensorProto.FLOAT) -> bytes:
    """A graph that gives its only input ``x`` back as ``y``."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "identity",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def save_with_external_data(folder: Path) -> None:
    """x float32[-1, 2] @ weights of a file beside the model."""
    weights = numpy_helper.from_array(np.ones((2, 1), dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "external",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save_model(
        model,
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )


def test_defaults_for_lambda() -> None:
    options = make_options(make_settings(), vcpus=3)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        ("intra_op_num_threads", 2, "intra_op_num_threads", 2),
        ("inter_op_num_threads", 2, "inter_op_num_threads", 2),
        ("log_severity_level", 3, "log_severity_level", 3),
        ("enable_cpu_mem_arena", False, "enable_cpu_mem_arena", False),
        ("enable_mem_pattern", False, "enable_mem_pattern", False),
        ("enable_mem_reuse", False, "enable_mem_reuse", False),
        ("use_deterministic_compute", True, "use_deterministic_compute", True),
        (
            "graph_optimization_level",
            "basic",
            "graph_optimization_level",
            ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        ),
        ("execution_mode", "parallel", "execution_mode", ort.ExecutionMode.ORT_PARALLEL),
    ],
)
def test_options(name: str, value: Any, attribute: str, expected: Any) -> None:
    options = make_options(make_settings(**{name: value}), vcpus=1)
    assert getattr(options, attribute) == expected
    session = open_session(make_adder(), make_settings(**{name: value}), 1)
    assert session.run(None, {"row": np.ones((1, 2), np.float32)})[0].tolist() == [[2.0]]


def test_config_entries_and_dimensions() -> None:
    key = "session.intra_op.allow_spinning"
    options = make_options(make_settings(config={key: 0}), vcpus=1)
    assert options.get_session_config_entry(key) == "0"
    session = open_session(make_graph(["n", 2]), make_settings(dimensions={"n": 4}), 1)
    assert session.get_inputs()[0].shape == [4, 2]


def test_dimensions_by_denotation() -> None:
    model = onnx.load_from_string(make_graph(["n", 2]))
    model.graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    settings = make_settings(denotations={"DATA_BATCH": 4})
    session = open_session(model.SerializeToString(), settings, 1)
    assert session.get_inputs()[0].shape == [4, 2]


def test_config_flags_are_written_as_onnxruntime_reads_them() -> None:
    """TOML's true is "1" to onnxruntime."""
    key = "session.intra_op.allow_spinning"
    options = make_options(make_settings(config={key: True}), vcpus=1)
    assert options.get_session_config_entry(key) == "1"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("intra_op_num_threads", "2", "a number, got '2'"),
        ("intra_op_num_threads", True, "a number, got True"),
        ("inter_op_num_threads", 1.5, "a number, got 1.5"),
        ("enable_mem_reuse", 1, "a flag, got 1"),
        ("graph_optimization_level", "most", "one of disable, basic, extended, all, got 'most'"),
        ("graph_optimization_level", [], r"one of disable, basic, extended, all, got \[\]"),
        ("execution_mode", "both", "one of sequential, parallel, got 'both'"),
        ("config", "x", "a table of session config entries, got 'x'"),
        ("dimensions", {"n": "x"}, "a table of lengths by dimension name, got"),
        ("denotations", {"n": "x"}, "a table of lengths by dimension denotation, got"),
        ("intra_op_num_threads", 2**40, "a number"),
    ],
)
def test_wrong_options(name: str, value: Any, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"engine_options.{name}: expected .*(?:{expected})"):
        make_options(make_settings(**{name: value}), vcpus=1)


def test_unknown_option_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="engine_options.threads: .*intra_op_num_threads") as e:
        make_options(make_settings(threads=1), vcpus=1)
    assert all(name in e.value.detail for name in OPTIONS)


def test_external_data_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "prefix"
    folder.mkdir()
    save_with_external_data(folder)
    assert (folder / "weights.bin").stat().st_size == 8
    engine = OnnxEngine(make_settings(), vcpus=1)
    engine.load(Model("prefix", tmp_path, path=folder))
    assert engine.predict([[1, 2]]).tolist() == [[3.0]]


def test_external_data_that_is_missing(tmp_path: Path) -> None:
    save_with_external_data(tmp_path)
    data = (tmp_path / "model.onnx").read_bytes()
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelLoadError, match="onnxruntime cannot load the model") as failed:
        make_engine(data, tmp_path)
    assert str(tmp_path) not in failed.value.detail
    assert failed.value.private


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (["n", 2], [[[1, 2]], [[1, 2], [3, 4]]], [[[1]], [1, 2]]),
        ([None, None], [[[1]], [[1, 2, 3]]], [[1], 1]),
        (["n", "n"], [[[1, 2], [3, 4]]], [[1]]),
        ([3], [[1, 2, 3]], [[1, 2], [[1, 2, 3]]]),
        ([], [1, 1.5], [[1]]),
        ([0, 2], [np.empty((0, 2))], [[[1, 2]]]),
    ],
)
def test_dynamic_lengths(shape: list[Any], good: list[Any], bad: list[Any], tmp_path: Path) -> None:
    engine = make_engine(make_graph(shape), tmp_path)
    for data in good:
        assert engine.predict(data).tolist() == np.asarray(data, dtype=np.float32).tolist()
    for data in bad:
        with pytest.raises(InputError, match="input 'x': expected float32"):
            engine.predict(data)


def test_a_length_that_only_the_model_knows(tmp_path: Path) -> None:
    """x[n, 2] + y[n, 2] with different n passes our check and fails in onnxruntime."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "y"], ["z"])],
        "product",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in "xy"],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, None])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    engine = make_engine(model.SerializeToString(), tmp_path)
    assert engine.predict([[[1, 2]], [[1], [1]]]).tolist() == [[3.0]]
    with pytest.raises(InputError, match=r"refuses its input: it got 'x' float32\[1, 2\], 'y'"):
        engine.predict([[[1, 2]], [[1, 2, 3]]])


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [
        (TensorProto.FLOAT16, [[0.5]], "float16"),
        (TensorProto.DOUBLE, [[0.1]], "float64"),
        (TensorProto.INT8, [[-1]], "int8"),
        (TensorProto.UINT64, [[2**64 - 1]], "uint64"),
        (TensorProto.BOOL, [[True]], "bool"),
    ],
)
def test_types(kind: int, value: Any, dtype: str, tmp_path: Path) -> None:
    answer = make_engine(make_graph([1, 1], kind), tmp_path).predict(value)
    assert (str(answer.dtype), answer.tolist()) == (dtype, value)


def test_a_type_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    engine = make_engine(make_graph([1, 1], TensorProto.BFLOAT16), tmp_path)
    with pytest.raises(InputError, match="bfloat16"):
        engine.predict([[1.0]])


def test_strings_of_any_length(tmp_path: Path) -> None:
    engine = make_engine(make_graph(["n"], TensorProto.STRING), tmp_path)
    for value in (["a", "ü" * 100], [], np.array(["x"], dtype=object)):
        assert engine.predict(value).tolist() == list(value)


@pytest.mark.parametrize("data", [[b"raw"], ["a", None], [None], ["a", 1], [1], [["a"]]])
def test_what_is_no_string(data: Any, tmp_path: Path) -> None:
    engine = make_engine(make_graph(["n"], TensorProto.STRING), tmp_path)
    with pytest.raises(InputError, match="input 'x': expected str"):
        engine.predict(data)


def test_a_sequence_output_passes_as_it_is(tmp_path: Path) -> None:
    """scikit-learn's converted classifiers give a list of dicts."""
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["y"])],
        "sequence",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    engine = make_engine(model.SerializeToString(), tmp_path)
    (tensor,) = engine.predict([1.0])
    assert tensor.tolist() == [1.0]
    assert engine.describe()["outputs"][0]["name"] == "y"


def test_specs_in_the_declared_order() -> None:
    session = ort.InferenceSession(make_graph(["n", 2]))
    (spec,) = read_specs(session.get_inputs(), Tensors(("x",), ("float",), ((-1, 2),)), "input")
    assert str(spec) == "float32[-1, 2]"
    assert spec.describe() == {"name": "x", "type": "float32", "shape": [-1, 2]}


@pytest.mark.parametrize("size", [(-1, 3), (-1, 2, 1), (4,)])
def test_a_declared_size_that_is_not_the_models(size: tuple[int, ...]) -> None:
    session = ort.InferenceSession(make_graph(["n", 2]))
    with pytest.raises(SettingsError, match="input.size"):
        read_specs(session.get_inputs(), Tensors(size=(size,)), "input")

"""Models that are too big to be held in memory twice: they stream from S3 into the engine."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lambda_serving.engines.onnx import OnnxEngine
from lambda_serving.errors import ModelFetchError, ModelLoadError, ModelVerificationError
from lambda_serving.models.model import Model
from lambda_serving.models.store import STREAMED_BYTES, fetch_model
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving.settings.runtime import Runtime
from tests.servers.faults import Fault
from tests.servers.s3 import S3Server

WIDTH = 1024
SETTINGS = VersionSettings("big", "1", "onnx")


def make_model(layers: int) -> bytes:
    """An ONNX model that multiplies by the identity: 4 MB a layer."""
    weights = [numpy_helper.from_array(np.eye(WIDTH, dtype=np.float32), f"w{n}")
               for n in range(layers)]  # fmt: skip
    nodes = [helper.make_node("MatMul", [f"x{n}", f"w{n}"], [f"x{n + 1}"]) for n in range(layers)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, WIDTH])
            for name in ("x0", f"x{layers}")]  # fmt: skip
    graph = helper.make_graph(nodes, "identity", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString()


MODEL = make_model(5)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        server.put("models", "big.onnx", MODEL)
        yield server


def load(model: Model) -> OnnxEngine:
    engine = OnnxEngine(SETTINGS, 1)
    engine.load(model)
    return engine


def test_is_loaded_as_it_comes(runtime: Runtime, tmp_path: Path) -> None:
    assert STREAMED_BYTES < len(MODEL)
    model = fetch_model("big.onnx", None, runtime)
    row = np.arange(WIDTH, dtype=np.float32)[np.newaxis]
    assert (load(model).predict(row) == row).all()
    assert model.sha256 is None
    assert model.size == len(MODEL)
    assert list(tmp_path.iterdir()) == []


def test_a_pinned_one_is_verified(runtime: Runtime) -> None:
    model = fetch_model("big.onnx", sha256(MODEL).hexdigest(), runtime)
    load(model)
    assert model.sha256 == sha256(MODEL).hexdigest()
    with pytest.raises(ModelVerificationError, match="pinned is 0000"):
        load(fetch_model("big.onnx", "0" * 64, runtime))


def test_goes_on_where_it_was_cut_off(runtime: Runtime, s3: S3Server) -> None:
    s3.faults["big.onnx"] = Fault(times=1, cut_after=9_000_000)
    load(fetch_model("big.onnx", sha256(MODEL).hexdigest(), runtime))


def test_never_is_half_a_model(runtime: Runtime, s3: S3Server) -> None:
    s3.put("models", "big.onnx", make_model(10))  # more than is fetched ahead
    model = fetch_model("big.onnx", None, runtime)
    s3.stop()
    with pytest.raises(ModelFetchError, match="cannot be fetched"):
        load(model)


def test_what_is_no_model_is_refused(runtime: Runtime, s3: S3Server) -> None:
    s3.put("models", "big.onnx", b"\xff" * (20 * 2**20))
    with pytest.raises(ModelLoadError, match="onnxruntime cannot load the model"):
        load(fetch_model("big.onnx", None, runtime))


def test_a_truncated_one_is_refused(runtime: Runtime, s3: S3Server) -> None:
    s3.put("models", "big.onnx", MODEL[:-1000])
    with pytest.raises(ModelLoadError):
        load(fetch_model("big.onnx", None, runtime))


def test_becomes_a_file_for_user_code(runtime: Runtime, tmp_path: Path) -> None:
    model = fetch_model("big.onnx", None, runtime)
    assert model.path.read_bytes() == MODEL
    load(model)
    model.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

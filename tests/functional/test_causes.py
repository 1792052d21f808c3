"""Causes that the caller may read are in the answer: each raised by the library that knows it."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import sklearn.base
import xgboost
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from sklearn.linear_model import LinearRegression

from tests.conftest import Handler
from tests.functional.pipelines import post

X = np.random.default_rng(3).uniform(0, 4, size=(50, 2))
Y = X.sum(axis=1)


def make_onnx(
    opset: int = 13, ir_version: int = 8, op: str = "Add", domain: str = "", external: bool = False
) -> bytes:
    weights = numpy_helper.from_array(np.ones(4, np.float32), "w")
    if external:
        external_data_helper.set_external_data(weights, "weights.bin", 0, 16)
        weights.ClearField("raw_data")
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    node = helper.make_node(op, ["x", "w"], ["y"], domain=domain)
    graph = helper.make_graph([node], "g", sides[:1], sides[1:], [weights])
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    model: bytes = helper.make_model(
        graph, opset_imports=opsets, ir_version=ir_version
    ).SerializeToString()
    return model


def dump(model: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


MODELS = [
    # engine, what the bucket holds, what the answer says
    ("sklearn", b"\x04\x22\x4d\x18" + bytes(50), "compressed by LZ4: list lz4 in the endpoint's"),
    ("sklearn", b"c__main__\nScaler\n.", "notebook that defined 'Scaler' itself: define it in a"),
    ("sklearn", b"csklearn.base\nGone\n.", "sklearn.base.Gone, which sklearn 1."),
    ("sklearn", b"csklearn.gone\nX\n.", "there is no module 'sklearn.gone'"),
    ("sklearn", b"no pickle", "the file is no pickle, or is cut short"),
    ("sklearn", dump(LinearRegression())[:-9], "the file is no pickle, or is cut short"),
    ("sklearn", b"\x80\x09.", "the pickle has protocol 9, of a newer Python"),
    ("onnx", make_onnx(ir_version=99), "IR version 99, this onnxruntime takes 1"),
    ("onnx", make_onnx(opset=99), "the model has the opset 99, "),
    ("onnx", make_onnx(op="Gone"), "does not have the operator Gone of the opset 13"),
    ("onnx", make_onnx(op="Gone", domain="acme"), "does not have the operator acme:Gone"),
    ("onnx", make_onnx(external=True), "external data), and those are not there: give the model"),
    ("onnx", b"no model", "the file is no ONNX model, or is cut short"),
    ("onnx", make_onnx()[:-9], "the file is no ONNX model, or is cut short"),
    ("xgboost", b"{}", "the file is no model of XGBoost"),
    ("lightgbm", b"nix\nend of trees", "the file is no model of LightGBM in its text format"),
]


def ask(handler: Handler, content_type: str | None = "application/json", **body: Any) -> Any:
    """Status and body of an answer, which holds nothing secret."""
    event = post("/serve/e", **body)
    event["headers"].pop("content-type")
    if content_type is not None:
        event["headers"]["content-type"] = content_type
    answer = handler(event)
    told = json.loads(answer["body"])
    assert "/work" not in answer["body"] and "/tmp/" not in answer["body"]
    assert "Traceback" not in answer["body"] and "secret" not in answer["body"]
    return answer["statusCode"], told


@pytest.fixture
def start(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], models: Path
) -> Callable[..., Handler]:
    def start(engine: str, model: bytes | None, code: str | None = None, **env: str) -> Handler:
        toml = f'endpoint = "e"\nengine = "{engine}"\nallow_pickle = true\n'
        if model is not None:
            (models / "m").write_bytes(model)
            toml += 'model = "m"\n'
        return start_handler(make_folder(toml, code), **env)

    return start


@pytest.mark.parametrize(("engine", "model", "told"), MODELS)
def test_models_that_do_not_load(
    start: Callable[..., Handler], engine: str, model: bytes, told: str
) -> None:
    status, body = ask(start(engine, model))
    assert (status, body["type"]) == (503, "ModelLoadError")
    assert told in body["detail"]


FULL = "with open('/dev/full', 'wb', buffering=0) as file: file.write(b'x')"
LARGE = "__import__('numpy').ones((10**7, 10**7))"
METHODS = [
    # method, its line, what the answer says
    ("load", FULL, "no room left on the disk: "),
    ("load", LARGE, "out of memory (unable to allocate 728. tib); the function has 1769 MB"),
    (
        "load",
        "__import__('pickle').loads(b'c__main__\\nScaler\\n.')",
        "defined 'Scaler' itself",
    ),
    ("__init__", LARGE, "a larger MemorySize"),
    ("process", FULL, "bytes are free in /tmp; a larger EphemeralStorage of the function helps"),
    ("process", LARGE, "a larger MemorySize of the function helps"),
    ("process", "raise MemoryError", "out of memory; the function has 1769 MB"),
    ("process", "import gone", "there is no module 'gone'"),
    ("preprocess", "return data['age']", "; the body has no key 'age'"),
    ("process", "return data['age']", "; the body has no key 'age'"),
]


@pytest.mark.parametrize(("method", "line", "told"), METHODS)
def test_user_code_that_fails(
    start: Callable[..., Handler], method: str, line: str, told: str
) -> None:
    status, body = ask(start("custom", None, write(method, line)), secret=1)
    assert status == (503 if method in ("load", "__init__") else 500)
    assert told in body["detail"]


def write(method: str, line: str) -> str:
    return f"class Preprocess:\n    def {method}(self, data=None, *rest):\n        {line}\n"


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("preprocess", "return {'x': 1}['SECRET'.lower()]"),
        ("preprocess", "import os; return os.environ['secret']"),
        ("postprocess", "raise OSError('secret')"),
        ("process", "raise RuntimeError('secret')"),
    ],
)
def test_what_is_not_known_stays_in_the_log(
    start: Callable[..., Handler], method: str, line: str
) -> None:
    status, body = ask(start("custom", None, write(method, line)))
    assert status == 500
    assert body["detail"].endswith("the log has the traceback under this request id")


@pytest.mark.parametrize(
    ("content_type", "line", "told"),
    [
        ("text/plain", "return data['x']", "its content type is 'text/plain': application/json"),
        ("text/plain", "return data.get('x')", "came as bytes, since its content type is 'text"),
    ],
)
def test_a_body_of_bytes_where_a_dict_is_expected(
    start: Callable[..., Handler], content_type: str, line: str, told: str
) -> None:
    handler = start("custom", None, write("preprocess", line))
    status, body = ask(handler, content_type, x=1)
    assert status == 500
    assert told in body["detail"]
    event = {"serving": {"protocol": 1, "content_type": "text/plain"}, "body": "eA=="}
    with pytest.raises(Exception, match="its content type is none of JSON"):
        handler(event)


FORM = "application/x-www-form-urlencoded"
ADVICE = (
    "sent as application/x-www-form-urlencoded, so that it came as bytes: send it with -H 'content"
)


@pytest.mark.parametrize(
    ("line", "raw", "status", "told"),
    [
        ("return data['x']", None, 500, ADVICE),
        ("if 'age' not in data: raise ValueError('no age')", None, 500, ADVICE),
        ("raise ValueError('expected a dict')", None, 422, "expected a dict; the body is a JSON"),
        ("raise RuntimeError('secret')", None, 500, ADVICE),
        ("raise ValueError('of a true form')", b"a=1", 422, None),
        ("raise ValueError('of a list')", b"[1]", 422, None),
        (
            "return data['x']",
            b"a=1",
            500,
            f"'{FORM}; charset=utf-8': application/json makes it",
        ),
        ("return {'length': len(data)}", None, 200, None),
    ],
)
def test_json_that_curl_sends_as_a_form(
    start: Callable[..., Handler], line: str, raw: bytes | None, status: int, told: str | None
) -> None:
    """`curl -d` says so unless it is told otherwise; a class that takes bytes gets them."""
    code = write("preprocess", line).replace("preprocess", "process")
    for handler in (start("custom", None, code), start("custom", None, write("preprocess", line))):
        event = post("/serve/e", {"content-type": f"{FORM}; charset=utf-8"}, x=1)
        answer = handler(event | ({"body": raw.decode()} if raw else {}))
        body = json.loads(answer["body"])
        assert answer["statusCode"] == status
        assert told is None or told in body["detail"]
        assert told or "bytes" not in answer["body"]


FRAME = pd.DataFrame({"colour": pd.Categorical(["red", "green"] * 25), "n": range(50)})


def write_frame(columns: str) -> str:
    return f"import pandas as pd\n{write('preprocess', f'return pd.DataFrame({columns})')}"


def train_xgboost() -> bytes:
    data = xgboost.DMatrix(FRAME, Y, enable_categorical=True)
    booster = xgboost.train({"nthread": 1, "tree_method": "hist"}, data, 2)
    return bytes(booster.save_raw("ubj"))


def train_lightgbm() -> bytes:
    options = {"verbosity": -1, "min_data_in_leaf": 2, "num_threads": 1}
    text: str = lightgbm.train(options, lightgbm.Dataset(FRAME, Y), 2).model_to_string()
    return text.encode()


@pytest.mark.parametrize(
    ("engine", "train", "columns", "told"),
    [
        (
            "xgboost",
            train_xgboost,
            "{'colour': pd.Categorical(['blue']), 'n': [1]}",
            "the 0th (0-based) column: `blue` (the column 'colour')",
        ),
        ("xgboost", train_xgboost, "{'colour': ['red'], 'n': [1]}", "Invalid columns:colour: "),
        (
            "xgboost",
            train_xgboost,
            "{'color': pd.Categorical(['red']), 'n': [1]}",
            "expected colour in input data training data did not have the following fields: color",
        ),
        (
            "lightgbm",
            train_lightgbm,
            "{'colour': ['red'], 'n': [1]}",
            "1 columns were of the dtype category in the training, now these are: []",
        ),
        (
            "sklearn",
            lambda: dump(LinearRegression().fit(FRAME[["n"]], Y)),
            "{'a': [1]}",
            "feature names should match those that were passed during fit. Feature names unseen",
        ),
    ],
)
def test_inputs_that_a_model_refuses(
    start: Callable[..., Handler], engine: str, train: Any, columns: str, told: str
) -> None:
    status, body = ask(start(engine, train(), write_frame(columns)))
    assert (status, body["type"], body["stage"]) == (422, "InputError", "process")
    assert told in body["detail"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_a_model_of_another_version_that_fails(
    start: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ValueError in the middle of a model's work is no caller's fault."""
    model = LinearRegression().fit(X, Y)
    model.coef_ = np.ones(7)
    monkeypatch.setattr(sklearn.base, "__version__", "1.0")
    data = pickle.dumps(model)
    monkeypatch.undo()
    status, body = ask(start("sklearn", data, write("preprocess", "return [[1.0, 2.0]]")))
    assert (status, body["type"], body["stage"]) == (500, "ValueError", "process")
    assert "the model; it was saved by scikit-learn 1.0, here is 1." in body["detail"]

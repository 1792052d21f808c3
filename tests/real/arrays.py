"""Classes whose models take arrays: pictures, sentences, several inputs; and those of clearml."""

import io
import json
import struct
import zlib
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper

from tests.real.case import Case

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
PIXELS = np.random.default_rng(5).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def make_model(
    nodes: list[Any],
    inputs: dict[str, tuple[int, list[Any]]],
    output: tuple[str, list[Any]],
    constants: dict[str, np.ndarray[Any, Any]] | None = None,
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *each) for name, each in inputs.items()],
        [helper.make_tensor_value_info(output[0], FLOAT, output[1])],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


def run(model: bytes, **inputs: Any) -> Any:
    return onnxruntime.InferenceSession(model).run(None, inputs)[0]


def encode_png(pixels: np.ndarray[Any, Any]) -> bytes:
    """An image of [height, width, 3] as PNG (W3C, "Portable Network Graphics")."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make_pooling(last: str) -> bytes:
    """Pictures float32[-1, 3, 8, 8] -> what `last` makes of the means of their channels."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node(last, ["flat"], ["scores"]),
    ]
    return make_model(nodes, {"pixels": (FLOAT, ["n", 3, 8, 8])}, ("scores", ["n", 3]))


def photos() -> Case:
    model = make_pooling("Softmax")
    mean = np.array([0.485, 0.456, 0.406], dtype=np.float32)
    std = np.array([0.229, 0.224, 0.225], dtype=np.float32)
    pixels = ((PIXELS.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)[np.newaxis]
    scores = run(model, pixels=pixels)[0]
    best = int(scores.argmax())
    label = ["red", "green", "blue"][best]
    answer = {"label": label, "score": float(scores[best]), "size": [8, 8]}
    return Case({"photos/model.onnx": model}, encode_png(PIXELS), answer)


def scans() -> Case:
    model = make_pooling("Identity")
    page = np.repeat(np.repeat(PIXELS, 2, axis=0), 2, axis=1)
    scores = run(model, pixels=PIXELS.astype(np.float32).transpose(2, 0, 1)[np.newaxis] / 255)[0]
    right = np.exp(scores) / np.exp(scores).sum()
    answer = {"probabilities": [float(each) for each in right]}
    return Case({"scans/model.onnx": model}, encode_png(page), answer)


def sentences() -> Case:
    words = {"[PAD]": 0, "[UNK]": 1, "the": 2, "cat": 3, "dog": 4, "sleeps": 5}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    random = np.random.default_rng(3)
    constants = {
        "words": random.normal(size=(6, 4)).astype(np.float32),
        "types": random.normal(size=(2, 4)).astype(np.float32),
        "last": np.array([2]),
        "tokens": np.array([1]),
    }
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["embedded"]),
        helper.make_node("Gather", ["types", "token_type_ids"], ["typed"]),
        helper.make_node("Add", ["embedded", "typed"], ["both"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["both", "wide"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "tokens"], ["sum"], keepdims=0),
    ]
    names = ["input_ids", "attention_mask", "token_type_ids"]
    inputs = {name: (INT64, ["n", "t"]) for name in names}
    model = make_model(nodes, inputs, ("sum", ["n", 4]), constants)
    ids = np.array([[2, 3, 5], [2, 4, 0], [1, 0, 0]])
    mask = (ids > 0).astype(np.int64)
    sums = run(model, input_ids=ids, attention_mask=mask, token_type_ids=np.zeros_like(ids))
    unit = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    models = {
        "sentences/1/model.onnx": model,
        "sentences/1/tokenizer.json": json.dumps(tokenizer).encode(),
    }
    body = {"sentences": ["The cat sleeps", "the DOG", "horses"]}
    return Case(models, body, {"similarity": [[float(x) for x in row] for row in unit @ unit.T]})


def rates() -> Case:
    nodes = [
        helper.make_node("Cast", ["days"], ["length"], to=FLOAT),
        helper.make_node("Cast", ["is_new"], ["extra"], to=FLOAT),
        helper.make_node("Div", ["amount", "length"], ["daily"]),
        helper.make_node("Add", ["daily", "extra"], ["rate"]),
    ]
    inputs = {"days": (INT64, ["n", 1]), "is_new": (BOOL, ["n", 1]), "amount": (FLOAT, ["n", 1])}
    model = make_model(nodes, inputs, ("rate", ["n", 1]))
    right = run(
        model,
        amount=np.array([[99.5]], dtype=np.float32),
        days=np.array([[30]]),
        is_new=np.array([[True]]),
    )
    answer = {"rate": float(right[0, 0]), "of": ["amount", "days", "is_new"]}
    return Case({"rates/model.onnx": model}, {"amount": 99.5, "days": 30, "is_new": True}, answer)


def tracked() -> Case:
    file = io.BytesIO()
    np.savez(file, w=np.array([0.5, -2.0]))
    answer = {"y": 3.0, "task": None, "reason": "MissingConfigError"}
    return Case({"tracked/weights.npz": file.getvalue()}, {"x": [2.0, -1.0]}, answer)


def stubbed() -> Case:
    rows = [[4.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    scores = (np.array(rows) @ np.array([0.25, -1.5, 2.0]) + 0.5).tolist()
    return Case({}, {"rows": rows}, {"scores": scores, "task": "rates/train"})

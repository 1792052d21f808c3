"""The converted graph: run as an endpoint runs it, and finished for its store."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from lambda_serving.engines.onnx import OnnxEngine
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings
from lambda_serving_cli.conversion.original import Array, Arrays

ROWS = "rows"
"""Name of the first dimension of every output."""

QUIET = {"log_severity_level": 4}
"""Nothing: errors are raised too, and of wrong shapes declare_shapes takes care."""


class Graph:
    """A graph in the endpoint's own engine."""

    def __init__(self, data: bytes) -> None:
        settings = VersionSettings("conversion", "1", "onnx", "model.onnx", engine_options=QUIET)
        self._engine = OnnxEngine(settings, vcpus=1)
        self._engine.load(Model("model.onnx", Path(tempfile.gettempdir()), data=data))
        self.tensors: dict[str, Any] = self._engine.describe()

    def answer(self, feeds: Arrays) -> dict[str, Array]:
        """By output, of the rows together."""
        names = [output["name"] for output in self.tensors["outputs"]]
        answer = self._engine.predict(dict(feeds))
        answers = answer if len(names) > 1 else [answer]
        return {name: np.asarray(item) for name, item in zip(names, answers, strict=True)}


def rename_inputs(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Name the inputs, in their order."""
    new = {tensor.name: name for tensor, name in zip(model.graph.input, names, strict=True)}
    for tensor in model.graph.input:
        tensor.name = new[tensor.name]
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]


def keep_outputs(model: onnx.ModelProto, names: Mapping[str, Any]) -> None:
    """Drop the outputs that nothing vouches for; onnxruntime drops what computes them."""
    kept = [output for output in model.graph.output if output.name in names]
    del model.graph.output[:]
    model.graph.output.extend(kept)


def declare_shapes(model: onnx.ModelProto, answers: Arrays) -> None:
    """Shapes as they came out, for any number of rows: converters declare some wrong."""
    for output in model.graph.output:
        declared = output.type.tensor_type.shape.dim
        named = [dimension.dim_param for dimension in declared]
        lengths = answers[output.name].shape
        del declared[:]
        for index, length in enumerate(lengths):
            name = named[index] if len(named) == len(lengths) else ""
            if index == 0 or name:
                declared.add(dim_param=name or ROWS)
            else:
                declared.add(dim_value=length)


def write_metadata(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Who made the model, and of what."""
    model.producer_name = "lambda-serving"
    model.producer_version = version("lambda-serving")
    model.doc_string = ""
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))


def optimise(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph as onnxruntime leaves it after its basic optimisations.

    These rewrite ONNX to ONNX: what comes out runs on every processor that onnxruntime has been
    built for. Those above them put in operators and layouts of the machine at hand (ONNX Runtime,
    "Graph Optimizations").
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = QUIET["log_severity_level"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        optimised = onnx.load(path)
    _drop_unused_domains(optimised)
    return optimised


def _drop_unused_domains(model: onnx.ModelProto) -> None:
    """onnxruntime declares all the domains that it knows; another version may not know them."""
    used = {"" if node.domain == "ai.onnx" else node.domain for node in _walk_nodes(model.graph)}
    versions = {
        "" if opset.domain == "ai.onnx" else opset.domain: opset.version
        for opset in model.opset_import
    }
    del model.opset_import[:]
    for domain in sorted(used | {""}):
        model.opset_import.append(onnx.helper.make_opsetid(domain, versions[domain]))


def _walk_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from _walk_nodes(inner)

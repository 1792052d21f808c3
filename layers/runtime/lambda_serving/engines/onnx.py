"""Engine ``onnx`` (alias ``triton``): onnxruntime on the CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

# onnxruntime reads this at import; its newer wheels send telemetry without it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort  # noqa: E402
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument  # noqa: E402

from lambda_serving.engines.tensors import NUMPY_TYPES, TensorSpec, make_tensor  # noqa: E402
from lambda_serving.errors import InputError, ModelLoadError, SettingsError  # noqa: E402
from lambda_serving.models.store import Model  # noqa: E402
from lambda_serving.settings import Tensors, VersionSettings  # noqa: E402


class OnnxEngine:
    """One input takes the data as it is, several take a list or a dict by name.

    One output comes bare, several as a list, in the order of ``output.name`` or the model's.
    """

    user_process: ClassVar[Literal["replaces"]] = "replaces"

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        self._settings = settings
        self._vcpus = vcpus
        self._predictor: Any = None
        self._session: Any = None
        self._inputs: tuple[TensorSpec, ...] = ()
        self._outputs: tuple[TensorSpec, ...] = ()

    def load(self, model: Model | None) -> None:
        if model is None:
            raise ModelLoadError("the engine 'onnx' needs a model, or a load that returns one")
        data = model.read_bytes()
        source = str(find_onnx_file(model.path)) if data is None else data
        try:
            session = ort.InferenceSession(
                source, self._make_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's error classes share no base but this one
            raise ModelLoadError(
                f"onnxruntime cannot load the model ({type(error).__name__})", private=str(error)
            ) from error
        self.adopt(session)

    def adopt(self, loaded: Any) -> None:
        """A session is run by name; any other object through its ``predict``."""
        if not hasattr(loaded, "get_inputs"):
            self._predictor = loaded
            return
        self._session = loaded
        self._inputs = read_specs(loaded.get_inputs(), self._settings.input, "input")
        self._outputs = read_specs(loaded.get_outputs(), self._settings.output, "output")
        self._output_names = [spec.name for spec in self._outputs]

    def _make_options(self) -> Any:
        options = ort.SessionOptions()
        # The default pins a thread to each core it sees, which Lambda's sandbox refuses.
        options.intra_op_num_threads = self._vcpus
        options.inter_op_num_threads = 1
        return options

    def predict(self, data: Any) -> Any:
        if self._predictor is not None:
            return self._predictor.predict(data)
        feeds = {
            spec.name: make_tensor(spec, value)
            for spec, value in zip(self._inputs, self._split_inputs(data), strict=True)
        }
        try:
            outputs = self._session.run(self._output_names, feeds)
        except InvalidArgument as error:
            raise InputError("the model refuses its input", private=str(error)) from error
        return outputs[0] if len(outputs) == 1 else outputs

    def _split_inputs(self, data: Any) -> list[Any]:
        names = [spec.name for spec in self._inputs]
        if isinstance(data, Mapping):
            if set(data) != set(names):
                raise InputError(f"inputs: expected {names}, got {list(data)}")
            return [data[name] for name in names]
        if len(names) == 1:
            return [data]
        if not isinstance(data, list | tuple) or len(data) != len(names):
            came = len(data) if isinstance(data, list | tuple) else type(data).__name__
            raise InputError(f"inputs: expected a list of {len(names)} {names}, got {came}")
        return list(data)

    def describe(self) -> dict[str, Any]:
        return {
            "inputs": [spec.describe() for spec in self._inputs],
            "outputs": [spec.describe() for spec in self._outputs],
        }


def find_onnx_file(path: Path) -> Path:
    """The model's graph in a folder: ``model.onnx``, or the only ``.onnx`` there.

    Raises:
        ModelLoadError: none, or several and none of that name.
    """
    if path.is_file():
        return path
    found = sorted(path.rglob("*.onnx"))
    named = [file for file in found if file.name == "model.onnx"]
    if len(found) == 1 or len(named) == 1:
        return (named or found)[0]
    names = [str(file.relative_to(path)) for file in found]
    raise ModelLoadError(f"the model's folder: expected model.onnx or one .onnx file, got {names}")


def read_specs(nodes: Any, declared: Tensors, side: str) -> tuple[TensorSpec, ...]:
    """The tensors of a session, in the declared order where names are declared.

    Raises:
        SettingsError: a declared name or type is not the model's.
    """
    own = {node.name: make_spec(node) for node in nodes}
    unknown = [name for name in declared.name if name not in own]
    if unknown:
        raise SettingsError(f"endpoint.toml: {side}.name: the model has {list(own)}, not {unknown}")
    specs = tuple(own[name] for name in declared.name) or tuple(own.values())
    for spec, type_name in zip(specs, declared.type, strict=False):
        if spec.type not in (type_name, NUMPY_TYPES.get(type_name)):
            raise SettingsError(
                f"endpoint.toml: {side}.type: {spec.name!r} is {spec.type} in the model,"
                f" not {type_name}"
            )
    return specs


def make_spec(node: Any) -> TensorSpec:
    """onnxruntime's NodeArg: symbolic and unknown lengths become -1."""
    element = node.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(length if isinstance(length, int) else -1 for length in node.shape or ())
    return TensorSpec(node.name, NUMPY_TYPES.get(element, node.type), shape)

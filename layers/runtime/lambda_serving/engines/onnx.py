"""Engine ``onnx`` (alias ``triton``): onnxruntime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_serving.engines.base import Engine
from lambda_serving.engines.onnx_session import REFUSALS, open_session, read_specs
from lambda_serving.engines.tensors import TensorSpec, make_tensor
from lambda_serving.errors import InputError
from lambda_serving.models.model import Model
from lambda_serving.settings.endpoint import VersionSettings


class OnnxEngine(Engine):
    """One input takes the data as it is, several take a list or a dict by name.

    One output comes bare, several as a list, in the order of ``output.name`` or the model's.
    """

    user_process = "replaces"

    def __init__(self, settings: VersionSettings, vcpus: int) -> None:
        super().__init__(settings, vcpus)
        self._session: Any = None
        self._inputs: tuple[TensorSpec, ...] = ()
        self._outputs: tuple[TensorSpec, ...] = ()

    def _read(self, model: Model) -> Any:
        if model.name.endswith(".ort"):  # onnxruntime's own format is no stream
            return open_session(str(model.path), self._settings, self._vcpus)
        # A model with external data lies in a folder, and finds them beside itself.
        with model.open_source(".onnx") as source:
            return open_session(source, self._settings, self._vcpus)

    def adopt(self, loaded: Any) -> None:
        """A session is run by name; any other object through its ``predict``."""
        super().adopt(loaded)
        self._session = loaded if hasattr(loaded, "get_inputs") else None
        if self._session is None:
            return
        self._inputs = read_specs(loaded.get_inputs(), self._settings.input, "input")
        self._outputs = read_specs(loaded.get_outputs(), self._settings.output, "output")
        self._input_names = [spec.name for spec in self._inputs]
        self._output_names = [spec.name for spec in self._outputs]

    def predict(self, data: Any) -> Any:
        if self._session is None:
            return super().predict(data)
        feeds = self._make_feeds(data)
        try:
            outputs = self._session.run(self._output_names, feeds)
        except REFUSALS as error:
            came = ", ".join(
                f"{name!r} {value.dtype}{list(value.shape)}" for name, value in feeds.items()
            )
            raise InputError(
                f"the model refuses its input: it got {came}", private=str(error)
            ) from error
        return outputs[0] if len(outputs) == 1 else outputs

    def _make_feeds(self, data: Any) -> dict[str, Any]:
        if len(self._inputs) == 1 and not isinstance(data, Mapping):
            spec = self._inputs[0]
            return {spec.name: make_tensor(spec, data)}
        values = self._split_inputs(data)
        return {
            spec.name: make_tensor(spec, value)
            for spec, value in zip(self._inputs, values, strict=True)
        }

    def _split_inputs(self, data: Any) -> list[Any]:
        names = self._input_names
        if isinstance(data, Mapping):
            if set(data) != set(names):
                raise InputError(f"inputs: expected {names}, got {list(data)}")
            return [data[name] for name in names]
        if not isinstance(data, list | tuple) or len(data) != len(names):
            came = len(data) if isinstance(data, list | tuple) else type(data).__name__
            raise InputError(f"inputs: expected a list of {len(names)} {names}, got {came}")
        return list(data)

    def describe(self) -> dict[str, Any]:
        if self._session is None:
            return super().describe()
        return {
            "inputs": [spec.describe() for spec in self._inputs],
            "outputs": [spec.describe() for spec in self._outputs],
        }

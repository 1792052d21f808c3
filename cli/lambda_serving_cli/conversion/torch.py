"""PyTorch: TorchScript (torch.jit.save) or an exported program (torch.export.save, .pt2)."""

import io
import logging
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import torch

from lambda_serving_cli.conversion.original import (
    Arrays,
    Attempt,
    ConversionError,
    Original,
    translate_errors,
)

OPSET = 18

# At each export it would tell which of torchvision's operators it does without.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)


class TorchModel(Original):
    """Its inputs are tensors of any shape, so that it must be given a sample."""

    library = "torch"
    packages = ("torch",)

    def __init__(self, path: Path) -> None:
        self._program = None
        with translate_errors(
            f"torch cannot load {path.name} as TorchScript",
            "save the model by torch.jit.trace(...).save(path), or by torch.export.save(...,"
            " 'model.pt2'); weights alone, or a pickled module, do not hold what is to be computed",
        ):
            if path.suffix == ".pt2":
                self._program = torch.export.load(path)
                self._module = self._program.module()
            else:
                self._module = torch.jit.load(path, map_location="cpu").eval()
        if self._program is not None:
            self.inputs = tuple(self._program.graph_signature.user_inputs)
            return
        # The first is the module itself; TorchScript numbers names, as in "x.1".
        values = list(self._module.graph.inputs())[1:]
        self.inputs = tuple(value.debugName().partition(".")[0] for value in values)

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        tensors = self._make_tensors(feeds or {})
        try:
            self._run(tensors)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            # The first lines of such an error tell of TorchScript's code, the last one why.
            raise ConversionError(
                f"the original model refuses the sample: {str(error).strip().splitlines()[-1]}",
                advice="numbers with a fraction are float32, whole ones int64; .npy and .npz files"
                " keep their types",
            ) from error
        if self._program is not None:
            yield lambda: torch.onnx.export(self._program, dynamo=True, verbose=False).model_proto
        else:
            yield partial(self._trace, tensors)

    def _trace(self, tensors: tuple[Any, ...]) -> onnx.ModelProto:
        file = io.BytesIO()
        count = len(self._run(tensors))
        outputs = [f"output_{number}" for number in range(count)] if count > 1 else ["output"]
        torch.onnx.export(
            self._module,
            tensors,
            file,
            dynamo=False,  # torch.export takes no TorchScript
            opset_version=OPSET,
            input_names=list(self.inputs),
            output_names=outputs,
            dynamic_axes={name: {0: "rows"} for name in (*self.inputs, *outputs)},
        )
        return onnx.load_from_string(file.getvalue())

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> Arrays:
        answers = self._run(self._make_tensors(feeds))
        return {name: answer.numpy() for name, answer in zip(outputs, answers, strict=True)}

    def _make_tensors(self, feeds: Arrays) -> tuple[Any, ...]:
        return tuple(torch.from_numpy(feeds[name]) for name in self.inputs)

    def _run(self, tensors: tuple[Any, ...]) -> list[Any]:
        with torch.no_grad():
            answer = self._module(*tensors)
        return list(answer) if isinstance(answer, tuple | list) else [answer]

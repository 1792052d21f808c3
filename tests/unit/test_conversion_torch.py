"""PyTorch as ONNX. It is no dependency of this project: these run where it is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

from lambda_serving_cli.conversion.conversion import convert  # noqa: E402
from lambda_serving_cli.conversion.original import ConversionError  # noqa: E402

# PyTorch has deprecated TorchScript, and warns of parts of its own.
pytestmark = pytest.mark.filterwarnings("ignore")


class Classifier(torch.nn.Module):
    """float32[-1, 4] -> float32[-1, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3), torch.nn.Softmax(1)
        )

    def forward(self, measures: Any) -> Any:
        return self.layers(measures)


class Bag(torch.nn.Module):
    """Numbers of words and their weights -> two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(10, 4)
        self.last = torch.nn.Linear(4, 2)

    def forward(self, ids, weights):  # type: ignore[no-untyped-def]
        bag = (self.words(ids) * weights.unsqueeze(-1)).sum(1)
        return self.last(bag), bag


class Fixed(torch.nn.Module):
    def forward(self, rows: Any) -> Any:
        return rows.reshape(5, 2, 2).sum(2)


@pytest.fixture
def rows(tmp_path: Path) -> Any:
    torch.manual_seed(0)
    rows = torch.rand(5, 4)
    np.save(tmp_path / "rows.npy", rows.numpy())
    (tmp_path / "rows.json").write_text(json.dumps(rows.tolist()))
    return rows


def save(module: Any, rows: Any, path: Path) -> Path:
    if path.suffix == ".pt2":
        shapes = ({0: torch.export.Dim("rows")},)
        torch.export.save(torch.export.export(module.eval(), (rows,), dynamic_shapes=shapes), path)
    else:
        torch.jit.trace(module.eval(), rows).save(path)
    return path


@pytest.mark.parametrize("sample", ["rows.npy", "rows.json"])
@pytest.mark.parametrize("name", ["model.pt", "model.pt2"])
def test_models(name: str, sample: str, rows: Any, tmp_path: Path) -> None:
    source = save(Classifier(), rows, tmp_path / name)
    made = convert(source, "pytorch", tmp_path / sample, tmp_path / "model.onnx")
    assert made.inputs == [{"name": "measures", "type": "float32", "shape": [-1, 4]}]
    assert [output["shape"] for output in made.outputs] == [[-1, 3]]
    assert made.largest_difference < 1e-6
    assert made.rows == 5
    assert list(made.libraries) == ["torch", "onnxruntime"]
    assert made.notes == []


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    ids, weights = torch.randint(0, 10, (3, 6)), torch.rand(3, 6)
    torch.jit.trace(Bag().eval(), (ids, weights)).save(tmp_path / "model.pt")
    np.savez(tmp_path / "s.npz", ids=ids.numpy(), weights=weights.numpy())
    made = convert(tmp_path / "model.pt", "torch", tmp_path / "s.npz", tmp_path / "model.onnx")
    assert [(i["name"], i["type"]) for i in made.inputs] == [
        ("ids", "int64"),
        ("weights", "float32"),
    ]
    assert list(made.differences) == ["output_0", "output_1"]


def refuse(source: Path, sample: Path | None) -> ConversionError:
    with pytest.raises(ConversionError) as caught:
        convert(source, "torch", sample, source.with_name("out.onnx"))
    return caught.value


def test_without_a_sample(rows: Any, tmp_path: Path) -> None:
    error = refuse(save(Classifier(), rows, tmp_path / "model.pt"), None)
    assert error.advice == "give a sample of them: --rows inputs.npy (or .npz, .json)"


def test_a_wrong_sample(rows: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((5, 3), np.float32))
    error = refuse(save(Classifier(), rows, tmp_path / "model.pt"), tmp_path / "wrong.npy")
    assert "refuses the sample: RuntimeError: " in error.reason
    assert "shapes cannot be multiplied" in error.reason


def test_a_number_of_rows_that_is_fixed(rows: Any, tmp_path: Path) -> None:
    """Tracing writes lengths down as they were; most requests have one row."""
    error = refuse(save(Fixed(), rows, tmp_path / "model.pt"), tmp_path / "rows.npy")
    assert error.reason.startswith("the converted model fails on the first row alone")


def test_weights_alone(rows: Any, tmp_path: Path) -> None:
    torch.save(Classifier().state_dict(), tmp_path / "model.pt")
    error = refuse(tmp_path / "model.pt", tmp_path / "rows.npy")
    assert "torch cannot load model.pt as TorchScript" in error.reason
    assert "weights alone" in error.advice

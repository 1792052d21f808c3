"""What is refused before and after a conversion, and the words for it."""

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import xgboost
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lambda_serving_cli.conversion.conversion import convert
from lambda_serving_cli.conversion.original import ConversionError, Features

ROWS, SPECIES = load_iris(return_X_y=True)
NAMES = ("a", "b", "c", "d")
FOUR = Features(4, NAMES)


class Doubler(TransformerMixin, BaseEstimator):
    """A transformer of the user's own, which skl2onnx does not know."""

    def fit(self, rows: Any, labels: Any = None) -> "Doubler":
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: Any) -> Any:
        return 2 * rows


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression(max_iter=200).fit(ROWS, SPECIES), path)
    return path


def refuse(source: Path, framework: str = "sklearn", **options: Any) -> ConversionError:
    """The error of a conversion, which leaves nothing behind."""
    out = source.with_name("out.onnx")
    with pytest.raises(ConversionError) as caught:
        convert(source, framework, options.pop("sample", None), out, **options)
    assert not list(source.parent.glob("*out.onnx*"))
    return caught.value


def test_a_model_that_cannot_be_converted(tmp_path: Path) -> None:
    model = make_pipeline(Doubler(), LogisticRegression(max_iter=500)).fit(ROWS, SPECIES)
    joblib.dump(model, tmp_path / "model.joblib")
    error = refuse(tmp_path / "model.joblib")
    assert "the model cannot be converted: MissingShapeCalculator" in error.reason
    assert "Doubler" in error.reason
    assert len(error.reason) < 400
    assert "engine of its own framework" in error.advice


def test_a_tolerance_that_refuses(source: Path) -> None:
    made = convert(source, "sklearn", None, source.with_name("exact.onnx"), tolerance=1e-12)
    assert made.inputs[0]["type"] == "float64"  # float32 would not do
    error = refuse(source, tolerance=0)
    assert "probabilities differs by" in error.reason
    assert "over the tolerance of 0;" in error.reason
    assert "by the original" in error.reason
    assert "--tolerance" in error.advice


def test_neighbours_at_the_same_distance(tmp_path: Path) -> None:
    """Which of them counts is chance; the first row that differs is told."""
    joblib.dump(KNeighborsClassifier().fit(ROWS, SPECIES), tmp_path / "model.joblib")
    np.save(tmp_path / "rows.npy", ROWS)
    error = refuse(tmp_path / "model.joblib", sample=tmp_path / "rows.npy")
    assert "probabilities differs by 0.2, over the tolerance of 0.0001" in error.reason


@pytest.mark.parametrize(
    ("framework", "message"),
    [
        ("onnx", "is an ONNX model already"),
        ("tensorflow", "a model of the framework 'tensorflow' cannot be converted"),
    ],
)
def test_other_frameworks(framework: str, message: str, source: Path) -> None:
    assert message in refuse(source, framework).reason


@pytest.mark.parametrize("framework", ["torch", "pytorch"])
def test_torch_is_not_installed(framework: str, source: Path, monkeypatch: Any) -> None:
    for module in ("torch", "onnxscript"):
        monkeypatch.setitem(sys.modules, module, None)
    error = refuse(source, framework)
    assert error.reason.endswith("these packages are missing: torch, onnxscript")
    assert error.advice == "install them: uv pip install torch onnxscript"


def test_packages_that_are_missing(tmp_path: Path, source: Path, monkeypatch: Any) -> None:
    joblib.dump(
        xgboost.XGBClassifier(n_estimators=2).fit(ROWS, SPECIES), tmp_path / "pickled.joblib"
    )
    monkeypatch.setitem(sys.modules, "onnxmltools", None)
    for framework in ("xgboost", "lightgbm"):
        assert refuse(source, framework).advice == "install them: uv pip install onnxmltools"
    assert "onnxmltools" in refuse(tmp_path / "pickled.joblib", "sklearn").reason
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert refuse(source).advice == "install them: uv pip install skl2onnx onnx"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "model.pkl is not there"),
        (b"no pickle", "scikit-learn cannot load model.pkl"),
        ({"a": 1}, "expected an estimator of scikit-learn's that has predict, got dict"),
        (StandardScaler().fit(ROWS), "that has predict, got StandardScaler"),
        (LogisticRegression(), r"does not tell how many features it takes \(n_features_in_\)"),
    ],
)
def test_no_model(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        joblib.dump(content, path)
    with pytest.raises(ConversionError, match=message):
        convert(path, "sklearn", None, tmp_path / "out.onnx")


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in refuse(tmp_path).reason


def test_code_that_is_not_here(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "own_code.py").write_text("class Own: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import own_code

    joblib.dump(own_code.Own(), tmp_path / "model.pkl")
    monkeypatch.undo()
    del sys.modules["own_code"]
    error = refuse(tmp_path / "model.pkl")
    assert "needs the module 'own_code', which is not installed here" in error.reason


def test_a_model_of_another_version(source: Path, monkeypatch: Any) -> None:
    """What the library warns of the model becomes a note."""

    def load(path: Path) -> Any:
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name="E", current_sklearn_version="2", original_sklearn_version="1"
            ),
            stacklevel=1,
        )
        return LinearRegression().fit(*load_diabetes(return_X_y=True))

    monkeypatch.setattr(joblib, "load", load)
    made = convert(source, "sklearn", None, source.with_name("out.onnx"))
    assert ["from version 1 when using version 2" in note for note in made.notes] == [True]


def test_an_output_that_cannot_be_written(source: Path) -> None:
    with pytest.raises(ConversionError, match="cannot be written"):
        convert(source, "sklearn", None, source / "out.onnx")


def test_a_sample_that_the_model_refuses(source: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[[1, 2, null, 4]]")
    error = refuse(source, sample=tmp_path / "rows.json")
    assert "the original model refuses the sample: ValueError: Input X contains NaN" in error.reason


def test_the_command_line_starts_without_the_libraries() -> None:
    """Whoever converts nothing waits for no numpy, and need not have it."""
    code = (
        "import sys, lambda_serving_cli.conversion.conversion;"
        "import lambda_serving_cli.conversion.report;"
        "sys.exit(str(sorted({'numpy', 'onnx', 'onnxruntime', 'sklearn'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"

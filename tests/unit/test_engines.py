"""Finding an engine, and what it says where its library or an option is not there."""

import sys
from pathlib import Path

import pytest

from lambda_serving.engines.base import find_engine
from lambda_serving.errors import MissingLibraryError
from lambda_serving.settings.engines import ENGINES


def forget_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("lambda_serving.engines.")]:
        if not module.endswith(".base"):
            monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize("name", sorted(set(ENGINES) - {"canary"}))  # which runs no model
def test_every_engine_of_the_table_is_there(name: str) -> None:
    methods = ("load", "adopt", "predict", "describe")
    assert all(callable(getattr(find_engine(name), method)) for method in methods)
    assert find_engine(name).user_process in ("required", "replaces", "ignored")


@pytest.mark.parametrize(
    ("engine", "library", "layer"),
    [
        ("sklearn", "sklearn", "engine_sklearn"),
        ("xgboost", "xgboost", "engine_xgboost"),
        ("lightgbm", "lightgbm", "engine_lightgbm"),
        ("triton", "onnxruntime", "engine_onnx"),
    ],
)
def test_a_missing_library_names_its_layer(
    monkeypatch: pytest.MonkeyPatch, engine: str, library: str, layer: str
) -> None:
    forget_engines(monkeypatch)
    monkeypatch.setitem(sys.modules, library, None)  # Python's own way to say: not to be found
    with pytest.raises(MissingLibraryError, match=f"{library!r}: attach the layer {layer!r}"):
        find_engine(engine)


@pytest.mark.parametrize("error", ["OSError('libgomp.so.1')", "ImportError('wrong ELF class')"])
def test_a_library_that_cannot_be_loaded_names_its_layer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: str
) -> None:
    (tmp_path / "lightgbm.py").write_text(f"raise {error}\n")
    forget_engines(monkeypatch)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingLibraryError, match="another processor .* 'engine_lightgbm'"):
        find_engine("lightgbm")


def test_a_shared_library_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lightgbm.py").write_text("import ctypes\nctypes.CDLL('libno-such.so.1')\n")
    forget_engines(monkeypatch)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    expected = "shared library 'libno-such.so.1', .* attach the layer 'engine_lightgbm'"
    with pytest.raises(MissingLibraryError, match=expected):
        find_engine("lightgbm")

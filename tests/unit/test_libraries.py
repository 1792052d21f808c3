"""Where missing modules and shared libraries come from."""

import ctypes
from importlib.metadata import packages_distributions

import pytest

from lambda_serving.user_code.libraries import LAYERS, describe_missing
from tests.conftest import PROJECT


def test_each_layer_holds_what_it_is_named_for() -> None:
    distributions = packages_distributions()
    for module, layer in LAYERS.items():
        text = (PROJECT / "layers" / layer / "requirements.txt").read_text()
        assert any(f"\n{name}==" in text for name in distributions[module]), module


def test_a_part_that_a_library_does_not_have() -> None:
    """Such as what a pickle of another version of it names."""
    error = ModuleNotFoundError(name="orjson.more")
    assert describe_missing(error) == "there is no module 'orjson.more'"


def test_other_errors_are_told_as_they_are() -> None:
    assert describe_missing(ImportError("x", name="joblib")) == ""


def test_a_shared_library() -> None:
    with pytest.raises(OSError) as caught:
        ctypes.CDLL("libno-such.so.1")
    told = describe_missing(caught.value)
    assert told.startswith("there is no shared library 'libno-such.so.1': neither Lambda's")
    gomp = OSError(str(caught.value).replace("libno-such", "libgomp"))
    assert describe_missing(gomp).endswith("'libgomp.so.1': attach the layer 'engine_lightgbm'")

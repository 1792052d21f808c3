"""Importing and making the user's class; what each method means is in tests/contract."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lambda_serving.errors import UserCodeLoadError
from lambda_serving.settings.endpoint import Tensors, VersionSettings
from lambda_serving.user_code.model_endpoint import make_model_endpoint
from lambda_serving.user_code.preprocess import make_user_code

SETTINGS = VersionSettings("iris", "2", "onnx", "iris/2/model.onnx")


def test_model_endpoint_has_clearmls_fields() -> None:
    settings = VersionSettings(
        "iris",
        "2",
        "triton",
        "iris/2/model.onnx",
        input=Tensors(("x",), ("float32",), ((-1, 4),)),
        auxiliary_cfg={"platform": "onnxruntime"},
    )
    endpoint = make_model_endpoint(settings)
    assert endpoint.as_dict() == {
        "engine_type": "triton",
        "serving_url": "iris",
        "model_id": "iris/2/model.onnx",
        "version": "2",
        "preprocess_artifact": "preprocess.py",
        "input_size": [[-1, 4]],
        "input_type": ["float32"],
        "input_name": ["x"],
        "output_size": None,
        "output_type": None,
        "output_name": None,
        "auxiliary_cfg": {"platform": "onnxruntime"},
    }


def test_set_on_the_instance_after_init(make_folder: Callable[..., Path]) -> None:
    code = (
        "class Preprocess:\n"
        "    def __init__(self):\n"
        "        self.model_endpoint = None\n"
        "    def load(self, local_file_name):\n"
        "        return self.model_endpoint.serving_url\n"
    )
    user_code = make_user_code(make_folder(code=code), SETTINGS, print)
    assert user_code.load(None) == "iris"
    assert not hasattr(type(user_code.instance), "model_endpoint")


def test_package_with_submodules(make_folder: Callable[..., Path]) -> None:
    folder = make_folder(
        code=None,
        files={
            "preprocess/__init__.py": "from .steps import A\nfrom preprocess.steps import B\n"
            "class Preprocess:\n    both = (A, B)\n",
            "preprocess/steps.py": "A, B = 1, 2\n",
        },
    )
    assert make_user_code(folder, SETTINGS, print).instance.both == (1, 2)


def test_module_beside_preprocess(make_folder: Callable[..., Path]) -> None:
    folder = make_folder(
        code="import my_side_module\nclass Preprocess:\n    x = my_side_module.X\n",
        files={"my_side_module.py": "X = 5\n"},
    )
    assert make_user_code(folder, SETTINGS, print).instance.x == 5


def test_named_file(make_folder: Callable[..., Path]) -> None:
    folder = make_folder(code=None, files={"v2/preprocess.py": "class Preprocess:\n    x = 2\n"})
    named = VersionSettings("iris", "2", "custom", preprocess="v2/preprocess.py")
    assert make_user_code(folder, named, print).instance.x == 2
    missing = VersionSettings("iris", "2", "custom", preprocess="v3/preprocess.py")
    with pytest.raises(UserCodeLoadError, match="there is no 'v3/preprocess.py'"):
        make_user_code(folder, missing, print)


def test_no_user_code(make_folder: Callable[..., Path]) -> None:
    user_code = make_user_code(make_folder(code=None), SETTINGS, print)
    assert user_code.get_method("preprocess") is None

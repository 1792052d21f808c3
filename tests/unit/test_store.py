from copy import replace
from hashlib import sha256
from pathlib import Path

import pytest

from lambda_serving.errors import ModelFetchError, ModelVerificationError, SettingsError
from lambda_serving.models.model import Model
from lambda_serving.models.store import fetch_model
from lambda_serving.settings.location import Location, locate_model
from lambda_serving.settings.runtime import Runtime, read_runtime


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return replace(read_runtime(), scratch=tmp_path / "scratch", model_bucket="")


@pytest.mark.parametrize(
    ("uri", "bucket", "expected"),
    [
        ("iris/1/model.onnx", "models", Location("models", "iris/1/model.onnx")),
        ("iris/1/", "models", Location("models", "iris/1/")),
        ("s3://other/a%20b+c=%.onnx", "models", Location("other", "a%20b+c=%.onnx")),
        ("s3://other/a b.onnx", "models", Location("other", "a b.onnx")),
        ("s3://other/k?versionId=x.y", "models", Location("other", "k", "x.y")),
        ("s3://other/run#7/k.onnx", "models", Location("other", "run#7/k.onnx")),
        ("s3://other/set%3F/", "models", Location("other", "set%3F/")),
        ("s3://other/set?/", "models", Location("other", "set?/")),
        ("s3://other/what?.onnx?versionId=x", "models", Location("other", "what?.onnx", "x")),
        ("a?b=c", "models", Location("models", "a?b=c")),
        ("a?versionId=b", "models", Location("models", "a?versionId=b")),
        ("s3://other/u\u0308", "models", Location("other", "u\u0308")),
        ("file:///m/a%20b", "models", Location("", "/m/a b")),
        ("iris/m.onnx", "file:///my/models/", Location("", "/my/models/iris/m.onnx")),
    ],
)
def test_locations(uri: str, bucket: str, expected: Location) -> None:
    assert locate_model(uri, bucket) == expected


def test_a_key_without_a_bucket() -> None:
    with pytest.raises(SettingsError, match="SERVING_MODEL_BUCKET is not set"):
        locate_model("iris/model.onnx", "")


def test_local_file_is_read_where_it_is(tmp_path: Path, runtime: Runtime) -> None:
    file = tmp_path / "m.bin"
    file.write_bytes(b"model")
    model = fetch_model(f"file://{file}", sha256(b"model").hexdigest(), runtime)
    assert (model.path, model.read_bytes()) == (file, b"model")
    with pytest.raises(ModelVerificationError, match="pinned is 0000"):
        fetch_model(f"file://{file}", "0" * 64, runtime)


def test_local_folder(tmp_path: Path, runtime: Runtime) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    model = fetch_model(f"file://{folder}/", None, runtime)
    assert (model.path, model.read_bytes()) == (folder, None)


def test_missing_local_file(runtime: Runtime) -> None:
    with pytest.raises(ModelFetchError, match="^the model is not there$"):
        fetch_model("file:///none", None, runtime)


def test_a_folder_is_pinned_by_its_files(runtime: Runtime, tmp_path: Path) -> None:
    folder = tmp_path / "pinned"
    for name, data in (("b.txt", b"b"), ("a/c.txt", b"c")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    lines = [f"{n}\0{sha256(d).hexdigest()}\n" for n, d in (("a/c.txt", b"c"), ("b.txt", b"b"))]
    pin = sha256("".join(lines).encode()).hexdigest()
    assert fetch_model(f"file://{folder}/", pin, runtime).sha256 == pin
    (folder / "b.txt").write_bytes(b"other")
    with pytest.raises(ModelVerificationError, match=f"pinned is {pin}"):
        fetch_model(f"file://{folder}/", pin, runtime)


def test_bytes_are_written_once_and_whole(tmp_path: Path) -> None:
    model = Model("m.onnx", tmp_path, data=b"model")
    assert model.read_bytes() == b"model"
    assert not list(tmp_path.iterdir())
    path = model.path
    assert (path.name, path.read_bytes()) == ("m.onnx", b"model")
    assert model.path is path
    assert [file.name for file in path.parent.iterdir()] == ["m.onnx"]
    other = Model("m.onnx", tmp_path, data=b"model")
    assert other.path != path

from pathlib import Path

import pytest

from lambda_serving.errors import SettingsError
from lambda_serving.settings.endpoint import Tensors
from lambda_serving.settings.endpoint_toml import parse_endpoint, read_endpoint
from lambda_serving.settings.engines import ENGINES
from lambda_serving.settings.runtime import read_runtime

BASE = {"endpoint": "iris", "engine": "onnx", "model": "iris/1/model.onnx"}


def test_minimal() -> None:
    settings = parse_endpoint(BASE)
    version = settings.versions[settings.default]
    assert (settings.endpoint, version.engine, version.model) == (
        "iris",
        "onnx",
        "iris/1/model.onnx",
    )


def test_versions_override_and_inherit() -> None:
    pin = "a" * 64
    settings = parse_endpoint(
        BASE | {"sha256": pin, "version": {"2": {"model": "iris/2/"}, "3": {"engine": "triton"}}}
    )
    assert list(settings.versions) == ["1", "2", "3"]
    second, third = settings.versions["2"], settings.versions["3"]
    assert (second.engine, second.model, second.sha256) == ("onnx", "iris/2/", None)
    assert (third.engine, third.model, third.sha256) == ("triton", "iris/1/model.onnx", pin)


def test_tensors_as_clearml_writes_them() -> None:
    one = {"name": "x", "type": "float32", "size": [-1, 4]}
    several = {"name": ["x", "y"], "type": ["float32", "int64"], "size": [[-1, 4], [-1]]}
    version = parse_endpoint(BASE | {"input": one, "output": several}).versions["1"]
    assert version.input == Tensors(("x",), ("float32",), ((-1, 4),))
    assert version.output == Tensors(("x", "y"), ("float32", "int64"), ((-1, 4), (-1,)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"endpoint": "a b"}, "endpoint: expected a name .* got 'a b'"),
        ({"endpoint": None}, "endpoint: expected a name .* got nothing"),
        ({"engine": "tensorflow"}, "engine: expected one of onnx, triton, .* got 'tensorflow'"),
        ({"model": "ftp://x/y"}, r"model: expected a key .* s3://bucket/key"),
        ({"model": 7}, "model: expected a key"),
        ({"model": "s3://b/k?versionID=v1"}, "model: expected a key .*versionId=.* got 's3://b/k"),
        ({"model": "s3://b/k?version_id=v1"}, "model: expected a key"),
        ({"model": "s3://b/k?versionId="}, "model: expected a key"),
        ({"model": "s3://b/k?versionId=v1&x=2"}, "model: expected a key"),
        ({"model": "s3://b/k?versionId=v1#part"}, "model: expected a key"),
        ({"model": "s3://b/set/?versionId=v1"}, "model: expected a key"),
        ({"model": "s3://b/?versionId=v1"}, "model: expected a key"),
        ({"model": "s3://b/"}, "model: expected a key"),
        ({"model": "/k"}, "model: expected a key"),
        ({"model": "s3://b//k"}, r"model: expected a key without empty parts \(//\)"),
        ({"model": "s3://b/a//k"}, "model: expected a key without empty parts"),
        ({"model": "s3://b/set//"}, "model: expected a key without empty parts"),
        ({"model": "a/../k"}, "model: expected a key without empty parts"),
        ({"model": "./k"}, "model: expected a key without empty parts"),
        ({"model": "a/t\tb"}, "model: expected a key without empty parts"),
        ({"memory_budget_mb": True}, "memory_budget_mb: expected megabytes, .* got True"),
        ({"sha256": "abc"}, "sha256: expected 64 hexadecimal digits, got 'abc'"),
        ({"modell": "x"}, "modell: expected one of the keys endpoint, engine, model,"),
        ({"preprocess": ""}, "preprocess: expected a text"),
        ({"input": {"dtype": "x"}}, "input.dtype: expected one of the keys name, type, size"),
        ({"input": {"name": [1]}}, "input.name: expected a text"),
        ({"input": {"size": ["a"]}}, "input.size: expected a shape"),
        ({"input": {"name": ["a"], "type": ["x", "y"]}}, "input: expected as many names"),
        ({"input": 3}, "input: expected a table, got 3"),
        ({"version": 3}, r"version: expected tables like \[version.2\], got 3"),
        ({"version": {"2": 3}}, "version.2: expected a table"),
        ({"version": {"a/b": {}}}, "version.a/b: expected a version of"),
        ({"version": {"docs": {}}}, "version.docs: expected another name: /serve/<endpoint>/docs"),
        ({"version": {"openapi.json": {}}}, "version.openapi.json: expected another name"),
        ({"version": {"health": {}}}, "version.health: expected another name"),
        ({"version": {"2": {"engine": "x"}}}, "version.2.engine: expected one of"),
        ({"version": {"2": {"endpoint": "x"}}}, "version.2.endpoint: expected one of the keys"),
    ],
)
def test_errors_name_key_and_value(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_endpoint(BASE | change)


@pytest.mark.parametrize(
    "model",
    [
        "s3://b/k?versionId=a_B.9-",
        "s3://b/set/",
        "s3://b/run#7/k",
        "file:///m/a?b#c",
        "k#7",
        "a?b",
        "s3://b/a?b",
    ],
)
def test_models(model: str) -> None:
    assert parse_endpoint(BASE | {"model": model}).versions["1"].model == model


def test_there_is_an_engine() -> None:
    table = {key: value for key, value in BASE.items() if key != "engine"}
    with pytest.raises(SettingsError, match="engine: expected .* got nothing"):
        parse_endpoint(table)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_model_may_come_from_the_code(engine: str) -> None:
    table = {"endpoint": "x", "engine": engine, "traffic": {"weights": {"y": 1.0}}}
    if engine != "canary":
        del table["traffic"]
    assert parse_endpoint(table).versions["1"].model is None


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is none beside preprocess\.py"):
        read_endpoint(tmp_path)
    (tmp_path / "endpoint.toml").write_text("endpoint = iris")
    with pytest.raises(SettingsError, match="not TOML: .*line 1"):
        read_endpoint(tmp_path)
    (tmp_path / "endpoint.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not TOML"):
        read_endpoint(tmp_path)


@pytest.mark.parametrize(("memory", "vcpus"), [("128", 1), ("1769", 1), ("3538", 2), ("10240", 6)])
def test_vcpus_from_memory(monkeypatch: pytest.MonkeyPatch, memory: str, vcpus: int) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
    assert read_runtime().vcpus == vcpus


@pytest.mark.parametrize("value", ["many", "0", "-1", ""])
def test_environment_numbers(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SERVING_MAX_BODY_BYTES", value)
    (mistake,) = read_runtime().mistakes
    assert mistake == f"SERVING_MAX_BODY_BYTES: expected a whole number above 0, got {value!r}"


def test_credentials_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    runtime = read_runtime()
    assert runtime.credentials["secret_access_key"] == "very-secret"
    assert "very-secret" not in repr(runtime)

"""`lambda-serving model …` as a user types it, and all goes well."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_serving.models.store import fetch_model
from lambda_serving.settings.runtime import read_runtime
from tests.functional.registry import BUCKET, INDEX, NAMED, Registry
from tests.models import make_adder


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path) as registry:
        yield registry


@pytest.fixture
def filled(registry: Registry) -> Registry:
    registry.fill()
    return registry


def test_upload_tells_what_it_made(registry: Registry) -> None:
    model = registry.write("model.onnx", make_adder())
    sample = registry.write("ask.json", b'{"a": 1, "b": 2}')
    out, err = registry.run(
        "upload", *NAMED, model, "--tags", "eu, v1", "--tags", "eu", "--publish", "--sample", sample
    )
    for text in ("version 1 of model 'n' of project 'p'", "onnx", "eu, v1", "sample.json"):
        assert text in out
    assert "uploading version 1" in err
    entry = registry.check_whole()["1"]
    assert (
        entry.items()
        >= {
            "model": "registry/p/n/1/model.onnx",
            "framework": "onnx",
            "tags": ["eu", "v1"],
            "published": True,
            "sample": "registry/p/n/1/sample.json",
        }.items()
    )
    assert json.loads(registry.s3.read(BUCKET, entry["sample"])) == {"a": 1, "b": 2}
    index = registry.read_index()
    assert (index["schema"], index["next"], index["name"]) == (1, 2, "n")


def test_upload_of_a_folder(registry: Registry) -> None:
    """The prefix holds the folder's files alone, without hidden ones, and without the sample."""
    registry.write("net/model.onnx", make_adder())
    registry.write("net/words/list.txt", b"a\nb\n")
    registry.write("net/.git/config", b"")
    sample = registry.write("sample.json", b"{}")
    done = registry.ask("upload", *NAMED, "--path", registry.folder / "net", "--sample", sample)
    assert done["model"] == "registry/p/n/1/net/" and done["framework"] == "onnx"
    keys = ["net/model.onnx", "net/words/list.txt", "sample.json"]
    assert registry.list_keys("registry/p/n/1/") == [f"registry/p/n/1/{key}" for key in keys]
    again = registry.ask("upload", *NAMED, registry.folder / "net")
    assert (again["version"], again["existing"], again["sha256"]) == ("1", True, done["sha256"])


def test_the_same_artifact_is_no_new_version(registry: Registry) -> None:
    first, copy = registry.write("a.bin", b"weights"), registry.write("b.bin", b"weights")
    registry.upload(first, "--tags", "old")
    out, err = registry.invoke(
        *("upload", *NAMED, copy, "--framework", "custom", "--publish", "--tags", "new")
    )
    assert "The same artifact is there already: version 1" in out and "--force" in err
    entry = registry.check_whole()["1"]
    assert entry["published"] and entry["tags"] == ["old", "new"]
    assert registry.upload(copy, "--force")["version"] == "2"
    assert registry.upload(copy)["version"] == "2"
    assert list(registry.check_whole()) == ["1", "2"]


def test_any_visible_name(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("--project", "Größe/α β", "--name", "100% [x] 日本")
    model = registry.write("my model.bin", b"weights")
    done = registry.ask("upload", *names, model, "--framework", "custom")
    folder = "registry/Gr%C3%B6%C3%9Fe%2F%CE%B1%20%CE%B2/100%25%20%5Bx%5D%20%E6%97%A5%E6%9C%AC/"
    assert done["model"] == f"{folder}1/my model.bin"
    assert registry.s3.read(BUCKET, done["model"]) == b"weights"
    for name, value in {
        "AWS_ENDPOINT_URL": registry.s3.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "SERVING_MODEL_BUCKET": BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    fetched = fetch_model(done["model"], done["sha256"], read_runtime())  # as an endpoint does
    assert (fetched.name, fetched.read_bytes()) == ("my model.bin", b"weights")
    told = registry.invoke("show", *names, "--version", 1)[0]
    uri = told.partition("s3://")[2].partition("\n")[0]
    pasted = fetch_model(f"s3://{uri}", done["sha256"], read_runtime())
    assert pasted.read_bytes() == b"weights"
    assert "100% [x] 日本" in registry.invoke("list")[0]
    assert registry.ask("show", *names)["versions"]["1"]["sha256"] == done["sha256"]
    registry.invoke("remove", *names, "--version", 1)
    assert registry.list_keys() == [f"{folder}index.json"]


def test_named_framework_and_libraries(registry: Registry) -> None:
    weights = registry.write("weights.bin", b"weights")
    named = ("--framework", "scikit-learn", "--library", "scikit-learn=1.5", "--library", "x=2")
    done = registry.ask("upload", *NAMED, weights, *named)
    assert done["framework"] == "sklearn"
    assert done["libraries"] == {"scikit-learn": "1.5", "x": "2"}


def test_a_model_that_seems_broken_is_told(registry: Registry) -> None:
    cut = registry.write("model.onnx", make_adder()[:-20])
    out, err = registry.invoke("upload", *NAMED, cut)
    assert "Warning: model.onnx is no whole ONNX model" in err and "version 1" in out
    keys = registry.list_keys()
    for named in ((), ("--framework", "onnx")):
        _, err = registry.invoke("upload", *NAMED, cut, *named, "--publish", code=1)
        assert "model.onnx is no whole ONNX model" in err and "or with --force" in err
    assert registry.list_keys() == keys
    out, err = registry.invoke("upload", *NAMED, cut, "--publish", "--force")
    assert "Warning: model.onnx is no whole" in err and "version 2" in out
    assert registry.read_index()["versions"]["2"]["published"] is True


def test_list(filled: Registry) -> None:
    filled.upload(filled.write("other.bin", b"other"))
    registry = filled
    other = ("--project", "q", "--name", "m")
    registry.ask("upload", *other, registry.write("m.bin", b"m"), "--framework", "custom")
    registry.s3.put(BUCKET, "registry/p/given up/1/model.onnx", b"")
    out, _ = registry.invoke("list")
    rows = [line.split() for line in out.splitlines()[1:]]
    assert rows == [["p", "n", "4", "4", "2", "custom", "5", "bytes"],
                    ["q", "m", "1", "1", "-", "custom", "1", "bytes"]]  # fmt: skip
    listed = registry.ask("list", "--tags", "eu,good")
    assert [(m["project"], m["name"], list(m["versions"])) for m in listed] == [("p", "n", ["2"])]
    assert list(registry.ask("list", "--published")[0]["versions"]) == ["2"]
    assert [model["name"] for model in registry.ask("list", "--project", "q")] == ["m"]
    assert registry.ask("list", "--name", "absent") == []
    none = "The registry s3://models/registry/ holds no version like that."
    assert none in registry.invoke("list", "--name", "absent")[1]


def test_list_of_models_without_versions(registry: Registry) -> None:
    none = "The registry s3://models/registry/ holds no model yet."
    assert none in registry.invoke("list")[1]
    registry.upload(registry.write("m.bin", b"m"))
    registry.invoke("remove", *NAMED, "--version", "1")
    assert registry.read_index()["versions"] == {}
    assert none in registry.invoke("list")[1]
    assert registry.ask("list") == []


def test_list_tells_broken_indexes_and_shows_the_rest(filled: Registry) -> None:
    filled.s3.put(BUCKET, "registry/p/broken/index.json", b"{")
    filled.s3.put(BUCKET, "registry/p/later/index.json", b'{"schema": 2}')
    out, err = filled.invoke("list", code=1)
    assert "onnx" in out
    assert "registry/p/broken/index.json in the bucket is not an index" in err
    assert "has schema 2" in err
    out, _ = filled.invoke("list", "--json", code=1)
    assert [model["name"] for model in json.loads(out)] == ["n"]


def test_show(filled: Registry) -> None:
    out, _ = filled.invoke("show", *NAMED)
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["1", "no", "onnx"],
        ["2", "yes", "onnx"],
        ["3", "no", "onnx"],
    ]
    shown = filled.ask("show", *NAMED)
    assert list(shown["versions"]) == ["1", "2", "3"] and shown["bucket"] == BUCKET
    latest = filled.ask("show", *NAMED, "--version", "latest")
    assert (latest["version"], latest["sha256"]) == ("3", "3" * 64)
    assert (
        "s3://models/registry/p/n/2/model.onnx" in filled.invoke("show", *NAMED, "--version", 2)[0]
    )


def test_publish_and_unpublish(filled: Registry) -> None:
    assert "Published: version 3" in filled.invoke("publish", *NAMED, "--version", "latest")[0]
    assert filled.ask("publish", *NAMED, "--version", 3)["published"] is True
    assert "No longer published" in filled.invoke("unpublish", *NAMED, "--version", "2")[0]
    versions = filled.read_index()["versions"]
    assert [number for number in versions if versions[number]["published"]] == ["3"]


def test_tag_and_untag(filled: Registry) -> None:
    tagged = filled.ask("tag", *NAMED, "--version", 1, "--tags", "us,eu", "--tags", "x")
    assert tagged["tags"] == ["eu", "us", "x"]
    assert filled.ask("untag", *NAMED, "--version", 1, "--tags", "eu,absent")["tags"] == ["us", "x"]
    assert "us, x" in filled.invoke("tag", *NAMED, "--version", 1, "--tags", "x")[0]
    assert "us, x" in filled.invoke("untag", *NAMED, "--version", 1, "--tags", "eu")[0]


def test_remove(filled: Registry) -> None:
    _, err = filled.run("remove", *NAMED, "--version", 2, code=1)
    assert "is published" in err and "--force" in err
    assert "2" in filled.read_index()["versions"]
    out, _ = filled.invoke("remove", *NAMED, "--version", 2, "--force")
    assert "Removed version 2" in out
    removed = filled.ask("remove", *NAMED, "--version", "latest", "--keep-files")
    assert (removed["version"], removed["deleted"]) == ("3", [])
    assert list(filled.read_index()["versions"]) == ["1"]
    assert filled.list_keys("registry/p/n/3") == ["registry/p/n/3/model.onnx"]
    # Its number is not given again, and the same command deletes what is left.
    assert filled.upload(filled.write("next.bin", b"next"))["version"] == "4"
    assert (
        "Removed what was left of version 3" in filled.invoke("remove", *NAMED, "--version", 3)[0]
    )
    assert filled.list_keys("registry/p/n/3") == []
    _, err = filled.invoke("remove", *NAMED, "--version", 3, code=1)
    assert "has no version 3" in err


def test_the_index_goes_first(filled: Registry) -> None:
    """What a reader finds in the index is there, whenever it looks."""
    order = []
    filled.s3.watch = lambda request, is_done: order.append((request.method, request.key))
    filled.invoke("remove", *NAMED, "--version", 1)
    assert order.index(("PUT", INDEX)) < order.index(("POST", ""))

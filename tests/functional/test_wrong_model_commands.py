"""`lambda-serving model …` with wrong input, and where what it needs is not there."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_serving.errors import ModelLoadError
from lambda_serving.versions.sample import parse_sample
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


FILE = "model.onnx"
VERSION = ("--version", "1")
WRONG_USAGE = [
    (("upload", FILE), "--project"),
    (("upload", *NAMED), "FILE or FOLDER is missing"),
    (("upload", *NAMED, "absent.onnx"), "there is no file or folder absent.onnx"),
    (("upload", *NAMED, FILE, "--path", FILE), "several tags go as in --tags a,b"),
    (("upload", *NAMED, FILE, "--framework", "abacus"), "expected one of onnx, sklearn"),
    (("upload", *NAMED, FILE, "--library", "numpy"), "expected NAME=VERSION, got 'numpy'"),
    (("upload", *NAMED, FILE, "--tags", "a,,b"), "expected visible tags"),
    (("upload", *NAMED, FILE, "--part-size", "1"), "greater than or equal to 5"),
    (("upload", "--project", "p", "--name", "..", FILE), "cannot be '..'"),
    (("upload", "--project", " ", "--name", "n", FILE), "must be visible text"),
    (("show", "--project", "p", "--name", "a\nb"), "must be visible text"),
    (("show", *NAMED, "--version", "one"), "expected a whole number from 1, or latest"),
    (("publish", *NAMED), "--version"),
    (("publish", *NAMED, "--version", "0"), "expected a whole number"),
    (("unpublish", *NAMED, "--version", "-1"), "expected a whole number"),
    (("tag", *NAMED, *VERSION), "--tags"),
    (("untag", *NAMED, *VERSION, "--tags", ""), "expected visible tags"),
    (("remove", *VERSION, "--name", "n"), "--project"),
    (("list", "--tag", "a"), "No such option"),
    (("list", "--aws"), "take one of them"),
    (("burn", *NAMED), "No such command"),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG_USAGE)
def test_wrong_usage(registry: Registry, arguments: tuple[str, ...], text: str) -> None:
    registry.write(FILE, make_adder())
    out, err = registry.invoke(*arguments, code=2)
    assert text in err and out == ""
    assert registry.list_keys() == []


def test_wrong_usage_ends_a_process_with_2(registry: Registry) -> None:
    out, err = registry.run("publish", *NAMED, "--version", "one", code=2)
    assert "expected a whole number" in err and out == ""


ABSENT = ("--project", "p", "--name", "absent")
FAILURES = [
    (("show", *ABSENT), "the registry has no model 'absent' of project 'p'"),
    (("publish", *ABSENT, *VERSION), "the registry has no model"),
    (("remove", *ABSENT, *VERSION), "the registry has no model"),
    (("show", *NAMED, "--version", "7"), "has no version 7\nWhat to do: it has 1, 2, 3"),
    (("unpublish", *NAMED, "--version", "7"), "has no version 7"),
    (("tag", *NAMED, "--version", "7", "--tags", "a"), "has no version 7"),
    (("untag", *NAMED, "--version", "7", "--tags", "a"), "has no version 7"),
    (("remove", *NAMED, "--version", "7"), "has no version 7"),
    (("upload", *NAMED, "words.txt"), "what made words.txt cannot be told"),
    (("upload", *NAMED, "empty"), "holds no file"),
    (("upload", *NAMED, "words.txt", "--framework", "custom", "--sample", "no"), "No such file"),
    (("upload", *NAMED, FILE, "--sample", "words.json"), "is not JSON"),
    (("upload", *NAMED, FILE, "--sample", "list.json"), "expected a JSON object, got an array"),
    (("upload", *NAMED, "sample.json", "--framework", "custom", "--sample", "sample.json"),
     "is named sample.json"),
    (("upload", "--project", "p" * 600, "--name", "n" * 600, FILE), "the names are too long"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "text"), FAILURES)
def test_failures(filled: Registry, arguments: tuple[str, ...], text: str) -> None:
    filled.write(FILE, make_adder())
    filled.write("words.txt", b"tree of words")
    filled.write("words.json", b"tree of words")
    filled.write("list.json", b"[1]")
    filled.write("sample.json", b"{}")
    (filled.folder / "empty").mkdir()
    before = filled.s3.read(BUCKET, INDEX)
    out, err = filled.invoke(*arguments, "--json", code=1)
    assert text in err and out == ""
    assert filled.s3.read(BUCKET, INDEX) == before


def check_refused(registry: Registry, reason: str, *command: str) -> None:
    """A command says what is wrong with the index, and leaves it as it is."""
    before = registry.s3.read(BUCKET, INDEX)
    out, err = registry.invoke(*(command or ("publish", *NAMED, *VERSION)), code=1)
    assert f"{INDEX} in the bucket is not an index of the registry ({reason}" in err
    assert out == ""
    assert registry.s3.read(BUCKET, INDEX) == before


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (b'{"x": ' + b"[" * 100_000, "is not JSON"),
        (b'{"x": "' + b"x" * 10 * 1024 * 1024 + b'"}', "bytes, the limit is 10485760"),
    ],
    ids=["deep", "large"],
)
def test_a_sample_that_no_endpoint_reads(registry: Registry, sample: bytes, told: str) -> None:
    with pytest.raises(ModelLoadError):
        parse_sample("sample.json", sample, "1")
    model, path = registry.write(FILE, make_adder()), registry.write("sample.json", sample)
    _, err = registry.invoke("upload", *NAMED, model, "--sample", path, code=1)
    assert told in " ".join(err.split())
    assert registry.s3.count() == {}


@pytest.mark.parametrize(
    "sample",
    [b'{"x": NaN}', b'{"x": -1e999}', b'{"x": "\\ud800"}', '{"x": 1}'.encode("utf-16")],
    ids=["NaN", "infinity", "surrogate", "UTF-16"],
)
def test_a_sample_is_read_as_a_body(registry: Registry, sample: bytes) -> None:
    """What an endpoint takes is taken here too: JSON as Python reads it."""
    assert isinstance(parse_sample("sample.json", sample, "1").body, dict)
    model, path = registry.write(FILE, make_adder()), registry.write("sample.json", sample)
    registry.invoke("upload", *NAMED, model, "--sample", path)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"schema": 1}', b'{"schema": 1, "versions": {"a": {}}, "next": 1}']
)
def test_a_broken_index_is_left_as_it_is(registry: Registry, text: bytes) -> None:
    registry.s3.put(BUCKET, INDEX, text)
    registry.write(FILE, make_adder())
    check_refused(registry, "", "upload", *NAMED, FILE)


def test_half_an_entry_stops_what_would_write_it_and_takes_only_itself_out(
    filled: Registry,
) -> None:
    filled.write(FILE, make_adder())
    filled.ask("upload", "--project", "q", "--name", "m", FILE)
    index = filled.read_index()
    del index["versions"]["2"]["tags"]
    filled.s3.put(BUCKET, INDEX, json.dumps(index).encode())
    for command in (
        ("upload", *NAMED, FILE),
        ("publish", *NAMED, *VERSION),
        ("tag", *NAMED, *VERSION, "--tags", "a"),
        ("remove", *NAMED, *VERSION),
    ):
        check_refused(filled, "version 2 has no 'tags'", *command)
    out, err = filled.invoke("list", code=1)
    assert "version 2 has no 'tags'" in err
    rows = [line.split()[:4] for line in out.splitlines()[1:]]
    assert rows == [["p", "n", "2", "3"], ["q", "m", "1", "1"]]
    out, err = filled.invoke("show", *NAMED)
    assert "version 2 has no 'tags'" in err
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["1", "3"]


OF_AN_ENTRY = ["model", "framework", "sha256", "size", "tags", "published", "created", "libraries"]


@pytest.mark.parametrize("key", OF_AN_ENTRY)
def test_a_value_of_another_type(filled: Registry, key: str) -> None:
    index = filled.read_index()
    index["versions"]["2"][key] = [3]
    filled.s3.put(BUCKET, INDEX, json.dumps(index).encode())
    check_refused(filled, f"'{key}' of version 2 is [3]")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": 3}, "'name' of the index is 3"),
        ({"versions": []}, "'versions' of the index is []"),
        ({"versions": {"1": 2}}, "version 1 is 2"),
        ({"next": 3}, "next is the number of a version already"),
    ],
)
def test_an_index_that_is_wrong_itself(
    filled: Registry, change: dict[str, object], reason: str
) -> None:
    filled.s3.put(BUCKET, INDEX, json.dumps(filled.read_index() | change).encode())
    check_refused(filled, reason)


def test_a_local_cloud_that_is_gone(registry: Registry) -> None:
    registry.s3.stop()
    _, err = registry.invoke("list", code=1)
    assert "the local cloud does not answer" in err and "make up" in err
    with socket.create_server(("127.0.0.1", registry.s3.port)):
        pass
    (registry.folder / "state" / "stack.json").unlink()
    assert "no local cloud is up" in registry.invoke("list", code=1)[1]


def test_a_bucket_that_is_gone(registry: Registry) -> None:
    del registry.s3.buckets[BUCKET]
    _, err = registry.invoke("list", code=1)
    assert "NoSuchBucket" in err and "deploy again" in err

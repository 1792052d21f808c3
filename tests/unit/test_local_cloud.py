"""Parts of the local cloud that need none: what changed, what is remembered, what is shown."""

import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from lambda_serving_cli.local_cloud.bucket import keep_bucket, weigh_bucket
from lambda_serving_cli.local_cloud.build import INPUTS, Build
from lambda_serving_cli.local_cloud.fingerprint import (
    Fingerprint,
    parse_fingerprint,
    take_fingerprint,
)
from lambda_serving_cli.local_cloud.layout import Layout
from lambda_serving_cli.local_cloud.record import Record, read_record
from lambda_serving_cli.local_cloud.settings import Settings, read_settings
from lambda_serving_cli.local_cloud.tracebacks import MOST_LINES, cut, read_text
from lambda_serving_cli.loopback.emulator import make_zip_file


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


CHANGES: list[tuple[str, Callable[[Path], object], list[str] | None]] = [
    ("nothing", lambda root: None, []),
    ("code", lambda root: write(root / "functions/a/preprocess.py", "new"), ["a"]),
    ("a new file", lambda root: write(root / "functions/b/sample.json", "{}"), ["b"]),
    ("bytecode", lambda root: write(root / "functions/a/__pycache__/x.pyc", "x"), []),
    ("a layer", lambda root: write(root / "layers/runtime/x.py", "new"), None),
    ("the template", lambda root: write(root / "template.yaml", "new"), None),
    ("a new function", lambda root: write(root / "functions/c/endpoint.toml", ""), None),
    ("a function less", lambda root: remove(root / "functions/b/endpoint.toml"), None),
    ("beside functions", lambda root: write(root / "functions/common.txt", "numpy"), None),
    ("what is no input", lambda root: write(root / "README.md", "new"), []),
]


@pytest.mark.parametrize(("what", "change", "changed"), CHANGES, ids=[row[0] for row in CHANGES])
def test_what_changed(
    tmp_path: Path, what: str, change: Callable[[Path], object], changed: list[str] | None
) -> None:
    for name in ("template.yaml", "layers/runtime/x.py", "functions/a/preprocess.py"):
        write(tmp_path / name, name)
    write(tmp_path / "functions/b/endpoint.toml", "")
    before = take_fingerprint(tmp_path, INPUTS, "x86_64")
    assert parse_fingerprint(before.write()) == before
    change(tmp_path)
    assert take_fingerprint(tmp_path, INPUTS, "x86_64").find_changes(before) == changed


@pytest.mark.parametrize("text", ["", "5d41f8", "[]", '{"rest": "x"}', "null"])
def test_a_stamp_of_another_kind_is_none(tmp_path: Path, text: str) -> None:
    """Such as that of an older version, a bare hash: everything is built."""
    assert parse_fingerprint(text) is None
    build = Build(tmp_path, tmp_path, tmp_path, tmp_path / "stamp", "x86_64")
    write(tmp_path / "template.yaml", "")
    write(build.stamp, text)
    assert build.built is None


def test_a_record_is_of_one_cloud(tmp_path: Path) -> None:
    path = tmp_path / "deployed.json"
    assert read_record(path, "one") == Record("one")
    record = Record("one", Fingerprint("x", {"a": "1", "b": "2"}), {"f": "7"}, True, {"a": "hash"})
    record.write(path)
    assert read_record(path, "one") == record
    assert read_record(path, "another") == Record("another")
    record.doubt(["a"]).write(path)
    doubted = read_record(path, "one").build
    for known in ("1", ""):  # whatever the code is meanwhile, the old one too
        now = Fingerprint("x", {"a": known or "3", "b": "2"})
        assert now.find_changes(doubted) == ["a"]
    path.write_text(path.read_text()[:-20])
    assert read_record(path, "one") == Record("one")


def test_the_bucket_of_a_stack_is_kept_and_weighed(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "state")
    assert read_settings(layout) == Settings()
    assert weigh_bucket(layout).describe() == (
        "0 files of models, 0 models in the registry, 0 bytes"
    )
    Settings("127.0.0.1", 4566, "NONE", "models").write(layout)
    account = "000000000000"
    for name in (
        f"{account}/models/a/1/model.onnx",
        f"{account}/models/registry/p/n/index.json",
        f"{account}/models/registry/p/n/1/model.bin",
        f".versions/{account}/models/some-id/registry/p/n/index.json",
        f".versions/{account}/models/some-id/a/1/model.onnx",
        f"{account}/sam/template",
        f".versions/{account}/sam/some-id/template",
    ):
        write(layout.objects / name, "0123456789")
        write(layout.objects / f"{name}.meta.json", "")
    keep_bucket(layout)
    assert [path.name for path in (layout.objects / account).iterdir()] == ["models"]
    assert [path.name for path in (layout.objects / ".versions" / account).iterdir()] == ["models"]
    assert weigh_bucket(layout).describe() == "3 files of models, 1 model in the registry, 50 bytes"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (json.dumps({"level": "ERROR", "exception": "Traceback"}), "Traceback"),
        (json.dumps({"message": "no traceback"}), "no traceback"),
        ("Traceback, plain", "Traceback, plain"),
        ("[1]", "[1]"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_texts_of_log_lines(message: str, text: str) -> None:
    assert read_text(message) == text


def test_a_long_traceback_is_cut() -> None:
    lines = ["Traceback", *(f"  line {number}" for number in range(50)), "ValueError: why"]
    shown = cut("\n".join(lines)).splitlines()
    assert len(shown) == MOST_LINES
    assert (shown[0], shown[1], shown[-1]) == ("Traceback", "  ... 33 lines ...", lines[-1])
    assert cut("Traceback\nValueError: why\n") == "Traceback\nValueError: why"


def test_a_layer_is_unpacked_once(tmp_path: Path) -> None:
    """And each environment has it where it looks; code is its own."""
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    archives = make_zip_file(unpacked)
    for number in range(2):
        place = tmp_path / str(number)
        for name in ("layer_0", "code"):
            (place / name).mkdir(parents=True)
            with ZipFile(place / f"{name}.zip", "w") as archive:
                archive.writestr("python/module.py", name)
            with archives(place / f"{name}.zip") as archive:
                assert archive.namelist() == ([] if name == "layer_0" else ["python/module.py"])
                archive.extractall(place / name)
            assert (place / name / "python/module.py").read_text() == name
        assert (place / "layer_0").is_symlink() and not (place / "code").is_symlink()
        assert sorted(each.name for each in place.iterdir()) == ["code", "code.zip", "layer_0"]
    [folder] = unpacked.iterdir()
    assert folder.stat().st_mode & 0o055
    with ZipFile(tmp_path / "layer_0.zip", "w") as archive:
        archive.writestr("python/module.py", "another")
    (tmp_path / "layer_0").mkdir()
    with archives(tmp_path / "layer_0.zip") as archive:
        archive.extractall(tmp_path / "layer_0")
    assert (tmp_path / "layer_0" / "python/module.py").read_text() == "another"

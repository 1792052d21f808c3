"""The zips of layers that a deploy to the local cloud takes."""

import os
from pathlib import Path
from zipfile import ZipFile

import pytest

from lambda_serving_cli.local_cloud.layers import pack_layers

TEMPLATE = """
Resources:
  One:
    Properties:
      ContentUri: One
  Two:
    Properties:
      ContentUri: Two
  Function:
    Properties:
      CodeUri: Function
"""
CODE = "python/package/__pycache__/code.cpython-313.pyc"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for layer in ("One", "Two"):
        file = tmp_path / "build" / layer / CODE
        file.parent.mkdir(parents=True)
        file.write_text(layer)
        file.chmod(0o600)
    (tmp_path / "build" / "template.yaml").write_text(TEMPLATE)
    return tmp_path / "build"


def find_zips(built: Path, kept: Path) -> dict[str, Path]:
    """Layer -> the zip that the template names."""
    lines = pack_layers(built, kept).read_text().splitlines()
    zips = [(built / line.split()[1]).resolve() for line in lines if "ContentUri" in line]
    assert "      CodeUri: Function" in lines
    assert sorted(kept.iterdir()) == sorted(zips)
    return {path.name.partition("-")[0]: path for path in zips}


def test_a_zip_holds_what_the_layer_does(built: Path, tmp_path: Path) -> None:
    """Bytecode too; and Lambda's user may read what only its owner might."""
    with ZipFile(find_zips(built, tmp_path / "kept")["One"]) as archive:
        (entry,) = archive.infolist()
        assert (entry.filename, archive.read(entry)) == (CODE, b"One")
        assert entry.external_attr >> 16 & 0o777 == 0o644


def test_only_what_changed_is_packed(built: Path, tmp_path: Path) -> None:
    before = find_zips(built, tmp_path / "kept")
    packed = {name: path.stat().st_ino for name, path in before.items()}
    (built / "Two" / CODE).write_text("changed")
    after = find_zips(built, tmp_path / "kept")
    assert after["One"] == before["One"] and after["One"].stat().st_ino == packed["One"]
    assert after["Two"] != before["Two"]


def test_times_change_no_zip(built: Path, tmp_path: Path) -> None:
    """Else each build would make new versions of all layers."""
    before = find_zips(built, tmp_path / "kept")
    os.utime(built / "One" / CODE, (0, 500_000_000))
    after = find_zips(built, tmp_path / "others")
    assert after["One"].read_bytes() == before["One"].read_bytes()

"""What layers are made of, and their zips that a deploy to the local cloud takes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from lambda_serving_cli.local_cloud.layers import pack_layers
from tests.servers.built import PROJECT, environment_with_uv

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


def make_wheel(folder: Path) -> str:
    """A package `tiny`; gives its hash as a requirement says it."""
    about = {
        "tiny.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/RECORD": "tiny.py,,\n",
    }
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as file:
        for name, text in about.items():
            file.writestr(name, text)
    return f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("pin", "reason"), [("right", ""), ("wrong", "mismatch"), ("none", "hash")]
)
def test_a_layer_takes_the_wheels_that_were_looked_at(
    tmp_path: Path, pin: str, reason: str
) -> None:
    right = make_wheel(tmp_path)
    hashes = {"right": right, "wrong": right[:-4] + "0000", "none": ""}
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "requirements.txt").write_text(f"tiny==1.0 {hashes[pin]}\n")
    command = [sys.executable, str(PROJECT / "layers/package.py"), "layer"]
    command += [str(tmp_path / "layer"), str(tmp_path / "out"), "--name", "L", "--template", "t"]
    offline = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(tmp_path), "UV_NO_CACHE": "1"}
    done = subprocess.run(
        [*command, "--kept", str(tmp_path / "kept")],
        env=environment_with_uv() | offline, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == (pin == "right"), done.stderr
    assert reason in done.stderr.lower()
    assert (tmp_path / "out" / "python" / "tiny.py").exists() == (pin == "right")

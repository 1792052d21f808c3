"""What `sam build` ships: bytecode for every module, nothing that is not needed, small enough."""

import importlib.util
import marshal
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path
from types import CodeType

import pytest

from tests.built.conftest import measure
from tests.servers.built import BuiltFunction
from tests.summary import LIMIT

MEGABYTE = 2**20
SPARE = LIMIT - 235_000_000
"""Room for user code: 15 MB at least, should Lambda's 250 MB be 250,000,000 bytes."""
FLAGS_UNCHECKED_HASH = 0b01
"""PEP 552: hash-based, and the source is not looked at."""


@pytest.fixture(scope="module")
def layers(built: dict[str, BuiltFunction]) -> list[Path]:
    return sorted({layer for function in built.values() for layer in function.layers})


@pytest.fixture(scope="module")
def folders(built: dict[str, BuiltFunction], layers: list[Path]) -> list[Path]:
    """All layers and code folders."""
    return [*layers, *sorted(function.code for function in built.values())]


def list_sources(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        found = list(folder.rglob("*.py"))
        assert found or is_canary(folder), f"no Python in {folder}"
        yield from found


def is_canary(folder: Path) -> bool:
    """Whether it is a code folder that holds no code: a canary is its endpoint.toml alone."""
    return 'engine = "canary"' in (folder / "endpoint.toml").read_text()


def read_bytecode(source: Path) -> tuple[bytes, int, CodeType]:
    """Magic number, flags and code of the .pyc beside `source`."""
    data = Path(importlib.util.cache_from_source(str(source))).read_bytes()
    return data[:4], int.from_bytes(data[4:8], "little"), marshal.loads(data[16:])


def test_every_module_has_bytecode(folders: list[Path]) -> None:
    missing = [
        str(source)
        for source in list_sources(folders)
        if not Path(importlib.util.cache_from_source(str(source))).exists()
    ]
    assert missing == []


def test_bytecode_is_for_this_python_and_never_checked(folders: list[Path]) -> None:
    for source in list_sources(folders):
        magic, flags, _ = read_bytecode(source)
        assert magic == importlib.util.MAGIC_NUMBER, source
        assert flags == FLAGS_UNCHECKED_HASH, source


def test_bytecode_is_of_its_source(folders: list[Path]) -> None:
    """Unchecked bytecode that is stale would run all the same."""
    for source in list_sources(folders):
        data = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert data[8:16] == importlib.util.source_hash(source.read_bytes()), source


def test_bytecode_names_the_places_of_lambda(built: dict[str, BuiltFunction]) -> None:
    for function in built.values():
        places = [(layer, "/opt") for layer in function.layers] + [(function.code, "/var/task")]
        for folder, place in places:
            for source in islice(folder.rglob("*.py"), 1):
                _, _, code = read_bytecode(source)
                assert code.co_filename == f"{place}/{source.relative_to(folder)}"


def test_layers_hold_nothing_twice(built: dict[str, BuiltFunction]) -> None:
    """Lambda lays all layers over /opt: of two files of one name, one is lost."""
    for function in built.values():
        contents = [
            {path.relative_to(layer) for path in layer.rglob("*") if path.is_file()}
            for layer in function.layers
        ]
        for one, other in combinations(contents, 2):
            assert one & other == set()


def test_layers_hold_nothing_unneeded(layers: list[Path]) -> None:
    names = {path.name for layer in layers for path in (layer / "python").iterdir()}
    assert names.isdisjoint({"boto3", "botocore", "pip", "setuptools", "tests", "test", "bin"})
    unneeded = [
        str(path)
        for layer in layers
        for path in layer.rglob("*")
        if path.suffix in {".pyi", ".a", ".h"} or (path.is_dir() and path.name == "tests")
    ]
    assert unneeded == []


def test_sizes(built: dict[str, BuiltFunction]) -> None:
    for function in built.values():
        size = sum(map(measure, [function.code, *function.layers]))
        assert size <= LIMIT - SPARE, function.endpoint
        assert len(function.layers) <= 5  # AWS Lambda quotas
        if function.endpoint in {"filetype", "iris_onnx"}:  # those of the smallest engine
            assert size <= 150 * MEGABYTE, function.endpoint

"""Which framework made a model, and in which version, read off its files.

Nothing is unpickled and no framework is imported: a file that is about to be uploaded is data.
"""

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lambda_serving_cli.registry.pickles import find_package, find_sklearn_version
from lambda_serving_cli.terminal.errors import CommandError

FRAMEWORKS = ("onnx", "sklearn", "xgboost", "lightgbm", "pytorch", "tensorflow", "custom")

ALIASES = {"scikit-learn": "sklearn", "torch": "pytorch", "keras": "tensorflow"}
"""Other names that people, and ClearML's `--framework`, have for them."""

TAIL = 1 << 20
"""Bytes at the end of a file in which its last keys are looked for."""


@dataclass(frozen=True)
class Recognition:
    """What a file told: its framework, the versions of libraries, and what seems wrong with it."""

    framework: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""


def recognise(source: Path) -> Recognition | None:
    """What made a model's file or folder; None where that cannot be told."""
    if not source.is_dir():
        return _recognise_file(source)
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    if any(path.name in ("saved_model.pb", "keras_metadata.pb") for path in files):
        return Recognition("tensorflow")
    known = [(path, found) for path in files if (found := _recognise_file(path))]
    known = [pair for pair in known if pair[0].stem == "model"] or known
    if len({found.framework for _, found in known}) != 1:
        return None
    return known[0][1]


def name_framework(text: str) -> str:
    """The framework that a person named. Raises ValueError where it is none of those there are."""
    name = ALIASES.get(text.lower(), text.lower())
    if name not in FRAMEWORKS:
        raise ValueError(f"expected one of {', '.join(FRAMEWORKS)}, not {text!r}")
    return name


def _recognise_file(path: Path) -> Recognition | None:
    reader = READERS.get(path.suffix.lower())
    return reader(path) if reader else None


def _read_onnx(path: Path) -> Recognition:
    """A ModelProto: ir_version = 1, producer_name = 2, producer_version = 3, graph = 7."""
    texts: dict[int, str] = {}
    seen = set()
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            while file.tell() < size:
                key = _read_varint(file)
                seen.add(key >> 3)
                _read_field(file, key, size, texts)
    except ValueError as error:
        return Recognition("onnx", doubt=f"is no whole ONNX model ({error})")
    if not {1, 7} <= seen:
        return Recognition("onnx", doubt="is no whole ONNX model (no graph in it)")
    producer = {texts[2]: texts.get(3, "")} if texts.get(2) else {}
    return Recognition("onnx", producer)


def _read_field(file: IO[bytes], key: int, size: int, texts: dict[int, str]) -> None:
    """One field of the message; keeps the texts of 2 and 3."""
    number, wire_type = key >> 3, key & 7
    if wire_type == 0:
        _read_varint(file)
        return
    if wire_type not in (1, 2, 5):
        raise ValueError(f"wire type {wire_type}")
    length = {1: 8, 5: 4}.get(wire_type) or _read_varint(file)
    if file.tell() + length > size:
        raise ValueError("it is cut short")
    if number in (2, 3) and length < 1000:
        texts[number] = file.read(length).decode(errors="replace")
    else:
        file.seek(length, 1)


def _read_varint(file: IO[bytes]) -> int:
    """A base-128 number (Protocol Buffers, "Encoding")."""
    value = 0
    for shift in range(0, 70, 7):
        if not (byte := file.read(1)):
            raise ValueError("it is cut short")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number of more than 64 bits")


def _read_pickle(path: Path) -> Recognition | None:
    package = find_package(path)
    if package is None:
        return None
    version = find_sklearn_version(path)
    libraries = {"scikit-learn": version} if version else {}
    return Recognition("pytorch" if package == "torch" else package, libraries)


def _read_skops(path: Path) -> Recognition:
    try:
        with zipfile.ZipFile(path) as archive:
            schema = archive.read("schema.json").decode()
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        return Recognition("sklearn", doubt=f"is no skops file ({error})")
    named = {
        "scikit-learn": r'"_sklearn_version": \{[^}]*"content": "\\"([^"\\]+)',
        "skops": r'"_skops_version": "([^"]+)"',
    }
    found = {name: re.search(pattern, schema) for name, pattern in named.items()}
    return Recognition("sklearn", {name: match[1] for name, match in found.items() if match})


def _read_xgboost_json(path: Path) -> Recognition | None:
    """A Booster's JSON; other JSON files are no models."""
    with path.open("rb") as file:
        if b'"learner"' not in file.read(1000):
            return None
    try:
        version = json.loads(path.read_bytes())["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Recognition("xgboost", doubt=f"is no whole XGBoost model ({error})")
    return Recognition("xgboost", {"xgboost": ".".join(map(str, version))})


def _read_xgboost_binary(path: Path) -> Recognition:
    """UBJSON, whose last key is the version; or XGBoost's older binary, which has none."""
    with path.open("rb") as file:
        head = file.read(1000)
    match = re.search(rb"version\[#L\0{7}\x03i(.)i(.)i(.)\}\Z", _read_tail(path), re.DOTALL)
    if match:
        return Recognition("xgboost", {"xgboost": ".".join(str(n[0]) for n in match.groups())})
    if head.startswith(b"{") or path.suffix == ".ubj":
        return Recognition("xgboost", doubt="is no whole XGBoost model (its end is not there)")
    return Recognition("xgboost")


def _read_lightgbm(path: Path) -> Recognition | None:
    """A Booster's text, which tells its format but not LightGBM's own version."""
    with path.open("rb") as file:
        if not re.match(rb"tree\r?\n", file.read(10)):
            return None
    whole = b"end of trees" in _read_tail(path)
    return Recognition("lightgbm", doubt="" if whole else "is no whole LightGBM model (cut short)")


def _read_tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return file.read()


READERS: Mapping[str, Callable[[Path], Recognition | None]] = {
    ".onnx": _read_onnx,
    ".joblib": _read_pickle,
    ".pkl": _read_pickle,
    ".pickle": _read_pickle,
    ".skops": _read_skops,
    ".json": _read_xgboost_json,
    ".ubj": _read_xgboost_binary,
    ".bst": _read_xgboost_binary,
    ".txt": _read_lightgbm,
    ".pt": lambda _: Recognition("pytorch"),
    ".pth": lambda _: Recognition("pytorch"),
    ".keras": lambda _: Recognition("tensorflow"),
    ".h5": lambda _: Recognition("tensorflow"),
}
"""By the suffix: who looks into the file."""


def choose_framework(place: Path, framework: str | None, libraries: list[str]) -> Recognition:
    """The framework and libraries: as named, else as the model tells.

    Raises:
        CommandError: neither tells the framework.
    """
    found = recognise(place)
    if found is None and framework is None:
        raise CommandError(
            f"what made {place.name} cannot be told from it",
            advice=f"add --framework, one of {', '.join(FRAMEWORKS)}",
        )
    named = dict(text.split("=", 1) for text in libraries)
    if found is None or (framework and framework != found.framework):
        return Recognition(framework or "custom", named)
    return Recognition(found.framework, named or found.libraries, found.doubt)

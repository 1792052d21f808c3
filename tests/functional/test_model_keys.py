"""A model's address means the key that it spells: through the real handler, beside decoys."""

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import numpy as np
import pytest

from lambda_serving.models.ranges import FAST, PART
from lambda_serving.models.store import RANGED_BYTES, fetch_model
from lambda_serving.settings.runtime import Runtime
from tests.conftest import ADDER_CODE, Handler
from tests.functional.updates import SUM, find_by
from tests.models import make_adder
from tests.servers.faults import Fault
from tests.servers.s3 import S3Server

KEYS = [
    "%41",
    "%2F",
    "100%",
    "a+b",
    "a b",
    "run#7",
    "part=1",
    "what?",
    "a?b=c&d",
    "Größe",
    unicodedata.normalize("NFD", "Größe"),
    "日本 😀",
    "~!$&'()*,;:@[]{}|^`<>\"",
    "back\\slash",
    ".hidden..x",
]
"""Of one folder or file; all of them are keys that S3 takes."""


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        server.buckets["models"] = {}
        yield server


def list_decoys(part: str) -> set[str]:
    """What else a careless reader makes of the key."""
    forms = [unicodedata.normalize(form, part) for form in ("NFC", "NFD", "NFKC")]  # type: ignore[arg-type]
    cut = [part.partition(sign)[0] for sign in "?#"]
    return {unquote(part), unquote_plus(part), quote(part, safe=""), *forms, *cut, part.strip()} - {
        part,
        "",
    }


@pytest.fixture
def ask(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], s3: S3Server
) -> Callable[..., Any]:
    def ask(model: str, **env: str) -> Any:
        text = model.replace("\\", "\\\\").replace('"', '\\"')
        toml = f'endpoint = "adder"\nengine = "onnx"\nmodel = "{text}"\n'
        return start_handler(make_folder(toml, ADDER_CODE), **(find_by(s3) | env))(SUM)

    return ask


@pytest.mark.parametrize("part", KEYS)
def test_a_key_is_what_it_spells(ask: Callable[..., Any], s3: S3Server, part: str) -> None:
    for each in list_decoys(part):
        for key in (f"odd/{each}.bin", f"set/{each}/model.onnx"):
            s3.put("models", key, make_adder(add=9))
    s3.put("models", f"odd/{part}.bin", make_adder())
    s3.put("models", f"set/{part}/{part}.onnx", make_adder(add=1))
    assert ask(f"odd/{part}.bin") == {"sum": 3.0}
    assert ask(f"s3://models/odd/{part}.bin") == {"sum": 3.0}
    assert ask(f"s3://models/odd/{part}.bin?versionId=v1") == {"sum": 3.0}
    assert ask(f"set/{part}/") == {"sum": 4.0}
    assert ask(f"s3://models/set/{part}/") == {"sum": 4.0}


@pytest.mark.parametrize("part", [part for part in KEYS if part != "back\\slash"])
def test_a_folder_in_the_place_of_a_bucket(
    ask: Callable[..., Any], models: Path, part: str
) -> None:
    for each in list_decoys(part) - {unquote(part) if "%2F" in part else ""}:
        (models / f"{each}.bin").write_bytes(make_adder(add=9))
    file = models / f"{part}.bin"
    file.write_bytes(make_adder())
    assert ask(f"{part}.bin", SERVING_MODEL_BUCKET=models.as_uri()) == {"sum": 3.0}
    assert ask(file.as_uri()) == {"sum": 3.0}


def test_ranges_are_of_the_key_that_is_spelled(runtime: Runtime, s3: S3Server) -> None:
    key = "odd/%41 +#ü?=.bin"
    body = np.random.default_rng(7).bytes(RANGED_BYTES + PART // 2)
    s3.put("models", key, body)
    s3.faults[key] = Fault(rate=FAST / 4)
    assert fetch_model(f"s3://models/{key}", None, runtime).read_bytes() == body
    assert sum(bool(request.range) for request in s3.requests) > 3
    assert {request.key for request in s3.requests} == {key}


@pytest.mark.parametrize(
    "model", ["s3://models//lead", "s3://models/a//b", "a/../b", "./a", "a/\\u0007", "s3://models/"]
)
def test_a_key_that_cannot_be_asked_for_is_refused(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], s3: S3Server,
    model: str,
) -> None:  # fmt: skip
    toml = f'endpoint = "adder"\nengine = "onnx"\nmodel = "{model}"\n'
    handler = start_handler(make_folder(toml, ADDER_CODE), **find_by(s3))
    with pytest.raises(Exception, match="model: expected a key"):
        handler(SUM)
    assert not s3.requests


def test_an_object_below_a_prefix_that_cannot_be_asked_for(
    ask: Callable[..., Any], s3: S3Server
) -> None:
    s3.put("models", "set/model.onnx", make_adder())
    s3.put("models", "set/a//b", b"")
    with pytest.raises(Exception, match="InvalidPath: a key has an empty part"):
        ask("set/")

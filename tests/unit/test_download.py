"""Big models on their way: whole or not at all, however they are read and whoever leaves."""

import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from lambda_serving.errors import ModelFetchError, ModelLoadError, ModelVerificationError
from lambda_serving.models.download import AHEAD, Download
from lambda_serving.models.model import Model

PIECES = [bytes([number]) * 100_000 for number in range(AHEAD * 2)]
WHOLE = b"".join(PIECES)


def break_off() -> Iterator[bytes]:
    yield from PIECES[:3]
    raise ModelFetchError("the network went away")


def start(pieces: Iterator[bytes] | None = None) -> Download:
    return Download(iter(PIECES) if pieces is None else pieces, len(WHOLE), None)


def read_bytes(model: Model) -> bytes:
    return model.read_bytes() or b""


def read_pipe(model: Model) -> bytes:
    with model.open_source() as source:
        assert isinstance(source, str)
        return Path(source).read_bytes()


def read_path(model: Model) -> bytes:
    return model.path.read_bytes()


@pytest.fixture(params=[read_bytes, read_pipe, read_path])
def read(request: pytest.FixtureRequest) -> Callable[[Model], bytes]:
    """The ways to read a model."""
    way: Callable[[Model], bytes] = request.param
    return way


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), thread


def test_comes_whole(tmp_path: Path, read: Callable[[Model], bytes]) -> None:
    model = Model("m.onnx", tmp_path, download=start())
    assert model.size == len(WHOLE)
    assert read(model) == WHOLE


def test_an_error_on_the_way_is_raised(tmp_path: Path, read: Callable[[Model], bytes]) -> None:
    model = Model("m.onnx", tmp_path, download=start(break_off()))
    with pytest.raises(ModelFetchError, match="the network went away"):
        read(model)
    assert [file.name for file in tmp_path.rglob("m.onnx")] == []


def test_the_digest_is_verified(tmp_path: Path, read: Callable[[Model], bytes]) -> None:
    digests: list[str] = []
    model = Model("m", tmp_path, download=Download(iter(PIECES), len(WHOLE), digests.append))
    read(model)
    assert digests == [sha256(WHOLE).hexdigest()]
    assert model.sha256 == digests[0]


def test_a_wrong_digest_is_raised(tmp_path: Path, read: Callable[[Model], bytes]) -> None:
    def refuse(digest: str) -> None:
        raise ModelVerificationError("it is another model")

    model = Model("m", tmp_path, download=Download(iter(PIECES), len(WHOLE), refuse))
    with pytest.raises(ModelVerificationError):
        read(model)


def test_who_fails_reading_does_not_wait_for_the_rest(tmp_path: Path) -> None:
    model = Model("m", tmp_path, download=start())
    with pytest.raises(ZeroDivisionError), model.open_source():
        raise ZeroDivisionError


def test_a_failed_download_goes_before_what_the_reader_makes_of_it(tmp_path: Path) -> None:
    model = Model("m", tmp_path, download=start(break_off()))
    with pytest.raises(ModelFetchError), model.open_source() as source:
        Path(str(source)).read_bytes()
        raise ModelLoadError("it is cut short")


def test_a_part_is_no_model(tmp_path: Path) -> None:
    model = Model("m", tmp_path, download=start())
    with pytest.raises(ModelLoadError, match="only a part"), model.open_source() as source:
        with Path(str(source)).open("rb", buffering=0) as file:
            file.read(10)


@pytest.mark.parametrize("is_read", [False, True])
def test_a_discarded_model_is_left(tmp_path: Path, is_read: bool) -> None:
    model = Model("m", tmp_path, download=start())
    if is_read:
        model.read_bytes()
    model.discard()
    assert model.size == len(WHOLE)

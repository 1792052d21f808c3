"""A prefix is read as one state, whatever is written meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambda_serving.errors import ModelFetchError
from lambda_serving.models.prefix import PAGE, TRIES
from lambda_serving.models.store import fetch_model
from lambda_serving.settings.runtime import Runtime
from tests.servers.faults import LISTING
from tests.servers.s3 import S3Server
from tests.servers.s3_writes import Request

NAMES = ("a.txt", "b.txt", "sub/c.txt")


@pytest.fixture(params=[False, True], ids=["may list all", "may list the prefix"])
def s3(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    with S3Server(hides_missing=request.param) as server:
        put(server, b"old")
        yield server


def put(s3: S3Server, body: bytes) -> None:
    for name in NAMES:
        s3.put("models", f"set/{name}", body)


def remove(s3: S3Server) -> None:
    for name in NAMES[:2]:
        s3.buckets["models"].pop(f"set/{name}")


def at_request(s3: S3Server, key: str, act: Callable[[], object], times: int = 1) -> None:
    """Have something happen just before the first requests for a key are followed."""
    left = [times]

    def watch(request: Request, is_followed: bool) -> None:
        if not is_followed and request.key == key and left[0]:
            left[0] -= 1
            act()

    s3.watch = watch


def read(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_as_it_is(runtime: Runtime, s3: S3Server) -> None:
    assert read(fetch_model("set/", None, runtime).path) == dict.fromkeys(NAMES, b"old")
    assert s3.count()["GET", LISTING] == 1


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda s3: put(s3, b"new"), dict.fromkeys(NAMES, b"new")),
        (lambda s3: put(s3, b""), dict.fromkeys(NAMES, b"")),
        (remove, {"sub/c.txt": b"old"}),
    ],
    ids=["written", "emptied", "removed"],
)
def test_what_changes_meanwhile_is_read_again(
    runtime: Runtime, s3: S3Server, act: Callable[[S3Server], None], expected: dict[str, bytes]
) -> None:
    at_request(s3, "set/b.txt", lambda: act(s3))
    assert read(fetch_model("set/", None, runtime).path) == expected


def test_what_keeps_changing_is_told(runtime: Runtime, s3: S3Server, tmp_path: Path) -> None:
    bodies = (str(number).encode() for number in range(100))
    at_request(s3, "set/b.txt", lambda: put(s3, next(bodies)), times=100)
    with pytest.raises(ModelFetchError, match="the model was replaced while it was fetched"):
        fetch_model("set/", None, runtime)
    assert s3.count()["GET", LISTING] == TRIES
    assert not read(tmp_path)


def test_pages_of_two_moments(runtime: Runtime, s3: S3Server) -> None:
    """What an earlier page lacks is noticed, though each file is as its page said."""
    for number in range(PAGE):
        s3.put("models", f"set/many/{number:04}", b"")
    s3.page_size = PAGE
    listings = []

    def watch(request: Request, is_followed: bool) -> None:
        if request.key == LISTING and not is_followed:
            listings.append(request)
            if len(listings) == 2:  # the second page
                s3.put("models", "set/a new file", b"new")
                s3.put("models", "set/sub/c.txt", b"new")

    s3.watch = watch
    found = read(fetch_model("set/", None, runtime).path)
    assert (found["a new file"], found["sub/c.txt"]) == (b"new", b"new")
    assert len(found) == PAGE + 4

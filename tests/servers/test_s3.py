"""The loopback S3 behaves for obstore as S3 does, and fails as told."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import S3Store

from tests.servers.faults import (
    LISTING,
    Fault,
    access_denied,
    no_such_bucket,
    no_such_key,
    slow_down,
)
from tests.servers.s3 import S3Server

BODY = bytes(range(256)) * 40
PAUSE = timedelta(milliseconds=5)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server(page_size=2) as server:
        for name in ("a", "b", "c", "d & <é>"):
            server.put("models", f"iris/1/{name}", BODY)
        server.put("models", "iris/2/a", b"other")
        yield server


@pytest.fixture
def store(s3: S3Server) -> S3Store:
    return S3Store(
        "models",
        endpoint=s3.endpoint,
        virtual_hosted_style_request=False,
        region="eu-central-1",
        access_key_id="test",
        secret_access_key="test",
        client_options={"allow_http": True},
        retry_config={
            "max_retries": 2,
            "backoff": {"init_backoff": PAUSE, "max_backoff": PAUSE, "base": 2},
            "retry_timeout": timedelta(seconds=5),
        },
    )


def read(store: S3Store, key: str = "iris/1/a", **options: str) -> bytes:
    return bytes(store.get(key, options=options).bytes())  # type: ignore[arg-type]


def test_objects_and_ranges(s3: S3Server, store: S3Store) -> None:
    assert read(store) == BODY
    assert bytes(store.get_range("iris/1/a", start=3, end=9)) == BODY[3:9]
    assert store.head("iris/1/d & <é>")["size"] == len(BODY)
    assert [request.method for request in s3.requests] == ["GET", "GET", "HEAD"]
    assert s3.requests[1].range == "bytes=3-8"


def test_listing_goes_over_pages(s3: S3Server, store: S3Store) -> None:
    found = [item["path"] for page in store.list("iris/1") for item in page]
    assert found == [f"iris/1/{name}" for name in ("a", "b", "c", "d & <é>")]
    assert s3.count()["GET", LISTING] == 2


def test_versions(s3: S3Server, store: S3Store) -> None:
    assert s3.put("models", "iris/1/a", b"newer") == "v2"
    assert read(store) == b"newer"
    assert read(store, version="v1") == BODY
    with pytest.raises(FileNotFoundError):
        read(store, version="v9")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (no_such_key(), FileNotFoundError),
        (no_such_bucket(), FileNotFoundError),
        (access_denied(), PermissionDeniedError),
        (slow_down(times=9), GenericError),
        (Fault(cut_after=100), GenericError),
    ],
)
def test_lasting_faults(s3: S3Server, store: S3Store, fault: Fault, error: type[Exception]) -> None:
    s3.faults["iris/1/a"] = fault
    with pytest.raises(error):
        read(store)
    assert read(store, "iris/1/b") == BODY
    s3.faults.clear()
    assert read(store) == BODY


@pytest.mark.parametrize(
    "fault", [slow_down(times=1), slow_down(times=2, status=500), Fault(cut_after=9, times=1)]
)
def test_passing_faults(s3: S3Server, store: S3Store, fault: Fault) -> None:
    hits = fault.times
    s3.faults["iris/1/a"] = fault
    assert read(store) == BODY
    assert s3.count()["GET", "iris/1/a"] == hits + 1


def test_refused_connection(s3: S3Server, store: S3Store) -> None:
    assert read(store) == BODY
    s3.stop()
    with pytest.raises(GenericError):
        read(store)
    s3.start()
    assert read(store) == BODY

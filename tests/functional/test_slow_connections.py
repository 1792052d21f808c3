"""Models that come by several connections, where one of them is slow: whole, and of one object."""

from collections.abc import Callable, Iterator
from hashlib import sha256

import numpy as np
import pytest

from lambda_serving.errors import LoadError, ModelFetchError, ModelVerificationError
from lambda_serving.models.ranges import FAST, PART
from lambda_serving.models.store import RANGED_BYTES, fetch_model
from lambda_serving.settings.runtime import Runtime
from tests.servers.faults import Fault, access_denied
from tests.servers.s3 import S3Server
from tests.servers.s3_writes import Request

BODY = np.random.default_rng(7).bytes(RANGED_BYTES + 3 * PART // 2)
OTHER = bytes(len(BODY))
DIGEST = sha256(BODY).hexdigest()
SLOW = FAST / 4


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        server.put("models", "big", BODY)
        server.faults["big"] = Fault(rate=SLOW)
        yield server


def list_ranges(s3: S3Server) -> list[tuple[int, int]]:
    """[start, end) of each range that was asked for, in their order in the object."""
    asked = [request.range.removeprefix("bytes=") for request in s3.requests if request.range]
    found = [tuple(map(int, text.split("-"))) for text in asked]
    return sorted((first, last + 1) for first, last in found)


def at_third_range(s3: S3Server, act: Callable[[], object]) -> None:
    """Have something happen just before the third range is answered."""

    def watch(request: Request, is_followed: bool) -> None:
        if not is_followed and sum(bool(request.range) for request in list(s3.requests)) == 3:
            s3.watch = None
            act()

    s3.watch = watch


def test_comes_by_ranges_and_nothing_twice(runtime: Runtime, s3: S3Server) -> None:
    model = fetch_model("big", DIGEST, runtime)
    assert model.read_bytes() == BODY
    assert model.sha256 == DIGEST
    ranges = list_ranges(s3)
    assert len(ranges) > 5
    assert PART <= ranges[0][0] < 2 * PART
    assert [start for start, _ in ranges[1:]] == [end for _, end in ranges[:-1]]
    assert ranges[-1][1] == len(BODY)


def test_all_are_of_the_version_that_was_asked_for(runtime: Runtime, s3: S3Server) -> None:
    s3.put("models", "big", OTHER)
    assert fetch_model("s3://models/big?versionId=v1", None, runtime).read_bytes() == BODY
    assert {request.version_id for request in s3.requests} == {"v1"}
    assert len(s3.requests) > 5


def test_a_digest_is_verified(runtime: Runtime) -> None:
    with pytest.raises(ModelVerificationError, match="pinned is 0000"):
        fetch_model("big", "0" * 64, runtime).read_bytes()


def test_is_never_a_mix_of_two_objects(runtime: Runtime, s3: S3Server) -> None:
    at_third_range(s3, lambda: s3.put("models", "big", OTHER))
    with pytest.raises(ModelFetchError, match="the model was replaced while it was fetched"):
        fetch_model("big", None, runtime).read_bytes()
    assert fetch_model("big", None, runtime).read_bytes() == OTHER


@pytest.mark.parametrize(
    "fault", [access_denied(), Fault(500, "InternalError"), Fault(shorten=1000, rate=SLOW)]
)
def test_a_range_that_fails_fails_the_model(runtime: Runtime, s3: S3Server, fault: Fault) -> None:
    at_third_range(s3, lambda: s3.faults.update(big=fault))
    with pytest.raises(LoadError, match="the model cannot be fetched"):
        fetch_model("big", None, runtime).read_bytes()


def test_a_range_that_is_cut_goes_on(runtime: Runtime, s3: S3Server) -> None:
    at_third_range(s3, lambda: s3.faults.update(big=Fault(times=2, cut_after=PART // 2)))
    assert fetch_model("big", None, runtime).read_bytes() == BODY


def test_who_leaves_asks_for_no_more(runtime: Runtime, s3: S3Server) -> None:
    model = fetch_model("big", None, runtime)
    model.discard()
    assert len(list_ranges(s3)) < len(BODY) // PART

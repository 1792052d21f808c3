"""Real classes under the real runtime client: each gives the answer that its library gives."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.built.conftest import BUCKET, start_function
from tests.events import load_event
from tests.real import arrays, tables
from tests.real.case import Case, is_same
from tests.real.project import FUNCTIONS
from tests.servers.built import BuiltFunction
from tests.servers.s3 import S3Server

CASES: list[Callable[[], Case]] = [
    tables.churn, tables.house_price, tables.reviews, tables.topics, tables.fraud, tables.credit,
    tables.demand, tables.limits, arrays.photos, arrays.scans, arrays.sentences, arrays.rates,
    arrays.tracked, arrays.stubbed,
]  # fmt: skip


def make_event(endpoint: str, body: Any) -> Any:
    """A POST as the HTTP API sends it: bytes as base64, anything else as JSON."""
    event = load_event("http_post_json")
    event["rawPath"] = event["requestContext"]["http"]["path"] = f"/serve/{endpoint}"
    if isinstance(body, bytes):
        event["headers"]["content-type"] = "image/png"
        return event | {"body": b64encode(body).decode(), "isBase64Encoded": True}
    return event | {"body": json.dumps(body), "isBase64Encoded": False}


def test_every_class_is_asked() -> None:
    folders = {path.parent.name for path in FUNCTIONS.glob("*/endpoint.toml")}
    assert {case.__name__ for case in CASES} == folders


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_answer(
    real: dict[str, BuiltFunction],
    runtime_client: Path,
    tmp_path: Path,
    make: Callable[[], Case],
) -> None:
    endpoint, case = make.__name__, make()
    with S3Server() as s3:
        for key, data in case.models.items():
            s3.put(BUCKET, key, data)
        process = start_function(real[endpoint], s3, runtime_client, tmp_path, None, {})
        with process:
            assert process.wait_until_started(60) is None
            for _ in range(2):
                answer = process.invoke(make_event(endpoint, case.body)).json()
                assert answer["statusCode"] == 200, f"{answer}\n{process.read_log()}"
                assert is_same(json.loads(answer["body"]), case.answer), answer["body"]
            assert "Traceback" not in process.read_log()
        assert process.list_violations() == []

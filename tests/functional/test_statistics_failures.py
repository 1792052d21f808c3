"""Statistics that fail themselves, injected where it may happen."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_serving.settings.metric_types import METRIC_TYPES
from lambda_serving.telemetry import record, statistics, writer
from tests.conftest import Handler
from tests.events import load_event
from tests.functional.meter import post


def fail(*arguments: Any, **options: Any) -> Any:
    raise RuntimeError("injected")


BROKEN_TYPES = {name: each._replace(read=fail) for name, each in METRIC_TYPES.items()}
FAILURES: dict[str, tuple[Any, str, Any]] = {
    "sample": (statistics.Sampler, "take", fail),
    "begin": (record.RecordedMetrics, "__init__", fail),
    "types": (record, "METRIC_TYPES", BROKEN_TYPES),
    "read": (record.RecordedMetrics, "_read", fail),
    "keep": (record.RecordedMetrics, "_keep", fail),
    "encode": (record, "encode_json", fail),
    "cold start": (writer.RecordWriter, "take_cold_start", fail),
    "load": (writer.RecordWriter, "take_load", fail),
    "make": (record.emf, "make_records", fail),
    "print": (writer.RecordWriter, "write", fail),
}


def ask_everything(start: Callable[..., Handler]) -> list[Any]:
    """Whole answers of all event sources, errors too; but for what tells whether it was sampled."""
    handler = start()
    answers = [handler({"x0": 1, "collect": [{"note": 1, "x0": 2}, {"other": 3}]})]
    answers[0].pop("sampled")
    events = [post(x0=1), post(fails="key"), post("/serve/meter/9"), post(long=7 * 1024 * 1024)]
    for event in [*events, load_event("http_bad_base64")]:
        answer = handler(event)
        body = json.loads(answer["body"])
        body.pop("sampled", None)
        answers.append(answer | {"body": body})
        answer["headers"].pop("content-length")  # which "sampled" changes
    for wrong in ({"fails": "key"}, {"fails": "value"}, []):
        with pytest.raises(Exception, match="detail") as raised:
            handler(wrong)
        answers.append((type(raised.value).__name__, str(raised.value)))
    return answers


@pytest.mark.parametrize("where", FAILURES)
def test_a_failure_leaves_every_response_unchanged(
    start_meter: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, where: str,
) -> None:  # fmt: skip
    expected = ask_everything(start_meter)
    caplog.clear()
    monkeypatch.setattr(*FAILURES[where])
    assert ask_everything(start_meter) == expected
    told = [line for line in caplog.records if "statistic" in line.getMessage()]
    assert 1 <= len(told) <= 2  # x0 and animal

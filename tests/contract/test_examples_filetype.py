"""functions/filetype against magika itself, and what it refuses."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import onnxruntime
import pytest
from magika import Magika
from magika.types import OverwriteReason

from tests.conftest import CONTEXT, PROJECT, Handler, import_handler
from tests.contract.conftest import Serve, serve_bodies
from tests.data.samples import MAKERS
from tests.events import load_event

SIZES = (7, 8, 60, 1024, 4095, 4097)
"""Around every size at which something changes: 8, 1,024 and 4,096 bytes."""


@pytest.fixture(scope="module")
def magika() -> Magika:
    """With one thread, as the endpoint has: more wait for each other by spinning."""
    make = onnxruntime.InferenceSession
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime, "InferenceSession", partial(make, sess_options=options))
        return Magika()


@pytest.fixture(scope="module")
def filetype(example_models: Path) -> Iterator[Serve]:
    with pytest.MonkeyPatch.context() as patch:
        bucket = {"SERVING_MODEL_BUCKET": f"file://{example_models}"}
        yield serve_bodies(
            import_handler(patch, PROJECT / "functions" / "filetype", CONTEXT, bucket)
        )


def compare(filetype: Serve, magika: Magika, content: bytes) -> None:
    """The same label, and the score within a thousandth."""
    expected = magika.identify_bytes(content).prediction
    assert filetype(content) == {
        "label": str(expected.output.label),
        "score": pytest.approx(expected.score, abs=1e-3),
    }


@pytest.mark.parametrize("name", MAKERS)
def test_answers_as_magika(filetype: Serve, magika: Magika, name: str) -> None:
    compare(filetype, magika, MAKERS[name]())


def test_pieces_of_files_answer_as_magika(filetype: Serve, magika: Magika) -> None:
    """Half files are what the model is unsure of: every threshold and size has its say."""
    for make in MAKERS.values():
        content = make()
        for size in (size for size in SIZES if size < len(content)):
            compare(filetype, magika, content[:size])


def test_samples_are_of_many_kinds(magika: Magika) -> None:
    predictions = [magika.identify_bytes(make()).prediction for make in MAKERS.values()]
    assert len(predictions) >= 30
    assert len({prediction.output.label for prediction in predictions}) >= 15
    # Every way to a label is taken.
    reasons = Counter(prediction.overwrite_reason for prediction in predictions)
    assert set(reasons) == set(OverwriteReason)
    ruled = {p.output.label for p in predictions if p.dl.label == "undefined"}
    assert ruled == {"empty", "txt", "unknown"}


def test_refuses_json(filetype: Serve) -> None:
    with pytest.raises(Exception) as caught:  # noqa: B017  (a class of its own for each error)
        filetype({"file": "aGVsbG8="})
    error = json.loads(str(caught.value))
    assert (error["status"], error["type"], error["stage"]) == (422, "ValueError", "preprocess")
    assert "raw bytes" in error["detail"]
    assert "application/octet-stream" in error["detail"]


def test_sample(start_endpoint: Callable[[str], Handler]) -> None:
    handler = start_endpoint("filetype")
    assert handler(load_event("invoke_filetype"))["label"] == "png"
    answer = handler(load_event("http_filetype"))
    assert answer["statusCode"] == 200
    result = json.loads(answer["body"])
    assert result["label"] == "png"
    assert 0.75 <= result["score"] <= 1

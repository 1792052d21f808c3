"""A short fuzz as `make fuzz` runs it."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Handler
from tests.every_engine import ENGINES, write_endpoint
from tests.fuzz.fuzzing import NAME, TRAFFIC, Fuzz


def test_a_short_fuzz(start_handler: Callable[..., Handler], tmp_path: Path) -> None:
    """Every answer is one of the table, and none tells a path, a bucket or a credential."""
    settings = write_endpoint(tmp_path / "fuzz", ENGINES["custom"], NAME, TRAFFIC)
    handler = start_handler(Path(settings["LAMBDA_TASK_ROOT"]), **settings)
    fuzz = Fuzz({"custom": handler}, tmp_path)
    fuzz.run(150)
    assert fuzz.counts.total() >= 150
    assert fuzz.counts["HTTP 200"] and fuzz.counts["HTTP 400"] and fuzz.counts["invoke 200"]

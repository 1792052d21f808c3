"""Requests to a warm environment: microseconds inside the process, and where they go."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any, Self

from bench.cold_start import MODELS
from bench.order import shuffle
from bench.places import BUCKET, Places, copy_rows
from tests.events import load_event
from tests.servers.lambda_process import HANDLER

CHILD = Path(__file__).with_name("hot_child.py")
REQUESTS = 30
"""Of one row in one round; so few that some rounds meet a quiet machine, whatever else it does."""

ROUNDS = 20
"""For each round of the other parts."""

STAGES = ("event source", "decode", "preprocess", "process", "postprocess", "encode", "statistics")


@dataclass
class Row:
    """A warm environment in a process of its own; a context manager."""

    name: str
    code: Path
    layers: tuple[Path, ...]
    event: str
    handler: str = "handler.lambda_handler"
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside what all rows have."""
    times: list[float] = field(default_factory=list)
    """Microseconds of each request."""
    stages: dict[str, list[float]] = field(default_factory=dict)
    """Microseconds of a request in each stage, a median for each round."""

    @property
    def median(self) -> float:
        """Of the quietest round: what else runs on a machine only adds, and not to all alike."""
        return min(statistics.median(each) for each in batched(self.times, REQUESTS, strict=False))

    def find_stage(self, stage: str) -> float:
        """Microseconds in a stage, of the quietest round; 0 where there is no such stage."""
        return min(self.stages.get(stage, [0.0]))

    def start(self, places: Places, endpoint: str) -> Self:
        folders = [self.code, *(layer / "python" for layer in self.layers), places.runtime]
        interpreter = getattr(sys, "_base_executable", sys.executable)
        event = places.scratch / f"{self.event}.json"
        event.write_text(json.dumps(load_event(self.event)))
        self._process = subprocess.Popen(
            [interpreter, "-I", "-S", str(CHILD), self.handler, str(event), *map(str, folders)],
            env={
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "eu-central-1",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
                "BENCH_MODEL": MODELS["onnx"],
                "LAMBDA_TASK_ROOT": str(self.code),
                "PATH": os.defpath,
                "SERVING_MODEL_BUCKET": BUCKET,
                **self.environment,
            },
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=10)

    def ask(self, command: str) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(f"{command} {REQUESTS}\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def measure(self) -> None:
        self.times += [took / 1000 for took in self.ask("time")]

    def split(self) -> None:
        for stage, took in self.ask("split").items():
            self.stages.setdefault(stage, []).append(took / 1000)


def make_rows(places: Places) -> list[Row]:
    folder = places.scratch / "hot"
    ours = places.functions["iris_onnx"]
    engine = (places.get_layer("onnx"),)
    floor = copy_rows("floor_onnx", folder / "floor")
    usual = copy_rows("usual", folder / "usual")
    return [
        Row("floor", floor, engine, "invoke_iris_onnx"),
        Row("ours, invoke", ours.code, ours.layers, "invoke_iris_onnx", HANDLER),
        Row("ours, HTTP", ours.code, ours.layers, "http_iris_onnx", HANDLER),
        Row("usual", usual, ours.layers, "http_iris_onnx"),
    ]


def run(
    rows: Sequence[Row], places: Places, endpoint: str, rounds: int, tell: Callable[[str], None]
) -> Sequence[Row]:
    """All rows, round by round: requests as they are, which fill `times`."""
    with start_rows(rows, places, endpoint):
        tell(f"{len(rows)} rows: {rounds * ROUNDS} rounds of {REQUESTS} requests")
        for number in range(rounds * ROUNDS):
            for row in shuffle(rows, number):
                row.measure()
    return rows


def split(rows: Sequence[Row], places: Places, endpoint: str, rounds: int) -> None:
    """The same with a clock around the stages, which fill `stages`."""
    with start_rows(rows, places, endpoint):
        for number in range(rounds * ROUNDS):
            for row in shuffle(rows, number):
                row.split()


@contextmanager
def start_rows(rows: Sequence[Row], places: Places, endpoint: str) -> Iterator[None]:
    with ExitStack() as stack:
        for row in rows:
            stack.enter_context(row.start(places, endpoint))
            for _ in range(10):
                row.ask("time")  # warms up
        yield

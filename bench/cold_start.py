"""Cold starts: from the spawn of a fresh process to the answer to its first event.

Each row runs under the real runtime client (`awslambdaric`, but for the web adapter's row, which
has none), with nothing but Lambda's own packages, its built layers and its code on the path. The
event waits at the Runtime API before the process is spawned, as it does on Lambda.
"""

import http.client
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.order import shuffle
from bench.places import BOOTSTRAP, BUCKET, Places, copy_rows, copy_sdk, install_usual
from tests.events import load_event
from tests.servers.lambda_process import HANDLER, LambdaProcess
from tests.servers.runtime_api import find_free_port

FLOWER = load_event("invoke_iris_onnx")
STAGES = (
    "interpreter", "runtime client", "imports", "fetch", "session", "user code", "first request",
)  # fmt: skip
"""In their order. `imports` is what no mark covers: imports, and the handler's own code; `fetch`
is what the main thread waits for the model; `session` makes the model out of its bytes."""

COMPARED = (
    "floor, onnx", "floor, onnx, plain http.client", "ours, onnx, invoke", "ours, onnx, HTTP",
)  # fmt: skip

LIBRARIES = ("onnx", "sklearn", "xgboost", "lightgbm")
MODELS = {
    "onnx": "iris_onnx/1/model.onnx",
    "sklearn": "iris_sklearn/1/model.joblib",
    "xgboost": "iris_xgboost/1/model.ubj",
    "lightgbm": "iris_lightgbm/1/model.txt",
}


@dataclass(frozen=True)
class Row:
    """One way to serve the iris model; `floor` is the name of the row that it is compared with."""

    name: str
    floor: str
    code: Path
    layers: tuple[Path, ...]
    event: Any
    handler: str = "handler.lambda_handler"
    model: str = MODELS["onnx"]
    frozen: list[str] = field(default_factory=list)
    """What a process changed in its code or layers: nothing, or the run is worth nothing."""


@dataclass(frozen=True)
class Sample:
    """One cold start, in seconds; `stages` add up to `total`."""

    total: float
    stages: dict[str, float]

    @property
    def init(self) -> float:
        """Until the function asked for its first event."""
        return self.total - self.stages["first request"]


def make_rows(places: Places) -> list[Row]:
    """All rows, the floors first."""
    folder = places.scratch / "rows"
    rows = []
    for library in LIBRARIES:
        floor = f"floor, {library}"
        code = copy_rows(f"floor_{library}", folder / f"floor_{library}")
        layers = (places.get_layer(library),)
        rows.append(Row(floor, floor, code, layers, FLOWER, model=MODELS[library]))
    plain = copy_rows("plain_floor_onnx", folder / "plain_floor_onnx")
    rows.insert(1, replace(rows[0], name="floor, onnx, plain http.client", code=plain))
    for library in LIBRARIES:
        function = places.functions[f"iris_{library}"]
        sources = ("invoke", "http") if library == "onnx" else ("invoke",)
        for source in sources:
            event = load_event(f"{source}_iris_{library}")
            name = f"ours, {library}, {'HTTP' if source == 'http' else source}"
            floor = f"floor, {library}"
            rows.append(Row(name, floor, function.code, function.layers, event, HANDLER))
    return rows + make_usual_rows(places, folder)


def make_usual_rows(places: Places, folder: Path) -> list[Row]:
    """FastAPI, Mangum, boto3, Powertools and onnxruntime, shipped in several ways."""
    layers = (places.get_layer("runtime"), places.get_layer("onnx"))
    code = copy_rows("usual", folder / "usual")
    bare_code = shutil.copytree(
        code, folder / "usual_bare", ignore=shutil.ignore_patterns("__pycache__")
    )
    bare = install_usual(folder / "bare")
    event = load_event("http_iris_onnx")
    usual = Row("usual, with .pyc", "floor, onnx", code, layers, event)
    shipped = replace(usual, code=bare_code, layers=(bare,))
    return [
        usual,
        replace(shipped, name="usual, no .pyc, Lambda's boto3"),
        replace(
            shipped,
            name="usual, no .pyc, boto3 in requirements",
            layers=(copy_sdk(folder / "sdk"), bare),
        ),
        replace(
            usual,
            name="web adapter: FastAPI behind uvicorn",
            layers=(*layers, places.server),
            handler="server:server",
        ),
    ]


def measure(row: Row, places: Places, endpoint: str) -> Sample:
    """One cold start of a row, in a process of its own."""
    folder = places.scratch / "run"
    folder.mkdir()
    marks = folder / "marks.txt"
    port = find_free_port()
    process = LambdaProcess(
        row.code,
        row.layers,
        runtime=places.runtime,
        folder=folder,
        function_name="bench-iris_onnx",
        handler=row.handler,
        audited=False,
        bootstrap=BOOTSTRAP,
        environment={
            "AWS_ENDPOINT_URL": endpoint,
            "SERVING_MODEL_BUCKET": BUCKET,
            "SERVING_STACK": "bench",
            "BENCH_MARKS": str(marks),
            "BENCH_MODEL": row.model,
            "PORT": str(port),
        },
    )
    ask = ask_server if row.handler.startswith("server:") else ask_function
    with process:
        ready, answered = ask(process, row, port)
    row.frozen.extend(process.list_violations())
    sample = Sample(
        answered - process.spawned_at,
        split(marks, process.spawned_at, ready, answered),
    )
    shutil.rmtree(folder)
    return sample


def ask_function(process: LambdaProcess, row: Row, port: int) -> tuple[float, float]:
    """When the function was ready, and when its first answer was there."""
    answer = process.invoke(row.event)
    answered = time.perf_counter()
    if answer.failed or b"virginica" not in answer.payload:
        raise RuntimeError(f"{row.name}: {answer.payload!r}; log:\n{process.read_log()}")
    return process.api.started_at, answered


def ask_server(process: LambdaProcess, row: Row, port: int) -> tuple[float, float]:
    """The Lambda Web Adapter's part: a GET each 10 ms until the server is ready, then the request.

    The adapter itself, a Rust binary that starts beside the server, is not counted.
    """
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/ready")
            connection.getresponse().read()
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    ready = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/serve/iris_onnx", json.dumps(FLOWER), headers)
    body = connection.getresponse().read()
    answered = time.perf_counter()
    connection.close()
    if b"virginica" not in body:
        raise RuntimeError(f"{row.name}: {body!r}; log:\n{process.read_log()}")
    return ready, answered


def split(marks: Path, spawned: float, ready: float, answered: float) -> dict[str, float]:
    """Seconds by stage."""
    stages = dict.fromkeys(STAGES, 0.0)
    for line in marks.read_text().splitlines():
        name, start, end = line.split()
        stage = name.replace("_", " ")
        if stage == "interpreter":  # its mark is the first line that Python ran
            stages[stage] = float(start) - spawned
        elif float(start) < ready:
            stages[stage] += float(end) - float(start)
    stages["first request"] = answered - ready
    stages["imports"] = answered - spawned - sum(stages.values())
    return stages


def order_round(rows: list[Row], round_number: int) -> Iterator[Row]:
    """All rows once; those that targets compare with the floor, and it, before every third one.

    So that they stand close together in time, on a machine that others use too.
    """
    compared = [row for row in rows if row.name in COMPARED]
    others = [row for row in rows if row.name not in COMPARED]
    for number, row in enumerate(shuffle(others, round_number)):
        if number % 3 == 0:
            yield from shuffle(compared, round_number * len(others) + number)
        yield row


def run(
    places: Places, endpoint: str, rounds: int, tell: Callable[[str], None]
) -> dict[str, tuple[Row, list[Sample]]]:
    """Every row in turn, round by round; a round before them warms the page cache."""
    rows = make_rows(places)
    samples: dict[str, list[Sample]] = {row.name: [] for row in rows}
    for number in range(rounds + 1):
        tell(f"cold start: round {number} of {rounds}")
        for row in order_round(rows, number):
            sample = measure(row, places, endpoint)
            if number:
                samples[row.name].append(sample)
    changed = [line for row in rows for line in row.frozen]
    if changed:
        raise RuntimeError("read-only folders were written to:" + os.linesep.join(changed[:10]))
    return {row.name: (row, samples[row.name]) for row in rows}

"""`make soak`: good and bad requests to an endpoint of every engine, in one process.

    uv run python -m tests.soak [--requests 100000]

Ends with an error at the first wrong answer, or if memory, open files or threads grew.
"""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import PROJECT
from tests.contract.engines import ROW
from tests.every_engine import ENGINES, start, write_endpoint
from tests.servers.endpoint_process import EndpointProcess
from tests.servers.lambda_service import LambdaService
from tests.soak.requests import CANARY_ASKS, Round
from tests.soak.soaking import soak

CANARY = """
endpoint = "shape"
engine = "canary"
[traffic]
weights = { "target/1" = 1 }
"""


def write_canary(folder: Path) -> dict[str, str]:
    """Write an endpoint that passes all requests on; gives its settings."""
    folder.mkdir()
    (folder / "endpoint.toml").write_text(CANARY)
    return {"LAMBDA_TASK_ROOT": str(folder), "SERVING_STACK": "soak", "SERVING_ALIAS": "live"}


@contextmanager
def serve_target(folder: Path) -> Iterator[LambdaService]:
    """The endpoint of that folder behind the Lambda API, in a process of its own."""
    bucket = f"file://{folder / 'models'}"
    process = EndpointProcess(folder / "task", SERVING_MODEL_BUCKET=bucket)
    with process, LambdaService({"soak-target": process}) as service:
        yield service


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    requests = parser.parse_args().requests
    told = os.fdopen(os.dup(1), "w")
    # Records and log lines are written, too; nobody reads them.
    nowhere = open(os.devnull, "w")  # noqa: PTH123, SIM115
    os.dup2(nowhere.fileno(), 1)
    logging.basicConfig(stream=nowhere, level=logging.INFO)
    with tempfile.TemporaryDirectory(dir=PROJECT / ".local", prefix="soak-") as name:
        limit = {"SERVING_MAX_BODY_BYTES": "1000000"}
        rounds = []
        for engine, case in ENGINES.items():
            settings = write_endpoint(Path(name) / engine, case, "shape", "[version.2]\n")
            model = Path(name) / engine / "models" / case.model
            expected = ROW if case.process == "required" else case.ask(model)
            rounds.append(Round(start(settings | limit), expected))
        with serve_target(Path(name) / "custom") as target:
            settings = write_canary(Path(name) / "canary") | target.environment
            rounds.append(Round(start(settings | limit), ROW, CANARY_ASKS))
            figures = soak(rounds, requests, target.invokes.clear)
    told.write(f"{', '.join(ENGINES)}, canary: {figures}\n")
    faults = list(figures.list_faults())
    told.writelines(f"FAULT: {fault}\n" for fault in faults)
    told.flush()
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

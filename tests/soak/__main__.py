"""`make soak`: good and bad requests to an endpoint of every engine, in one process.

    uv run python -m tests.soak [--requests 100000]

Ends with an error at the first wrong answer, or if memory, open files or threads grew.
"""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

from tests.conftest import PROJECT
from tests.contract.engines import ROW
from tests.every_engine import ENGINES, start, write_endpoint
from tests.soak.requests import Round
from tests.soak.soaking import soak


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
        figures = soak(rounds, requests)
    told.write(f"{', '.join(ENGINES)}: {figures}\n")
    faults = list(figures.list_faults())
    told.writelines(f"FAULT: {fault}\n" for fault in faults)
    told.flush()
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

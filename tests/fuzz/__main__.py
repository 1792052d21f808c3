"""`make fuzz`: events of every kind to every engine, and an OpenAPI document by Schemathesis.

    uv run python -m tests.fuzz [--inputs 100000] [--seed 0]

Ends with an error at the first answer that must not be, and shows the smallest event for it.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import PROJECT
from tests.every_engine import ENGINES, start, write_endpoint
from tests.fuzz.fuzzing import NAME, TRAFFIC, Fuzz
from tests.fuzz.openapi import fuzz_openapi

EXAMPLES = 200
"""Requests that Schemathesis makes up for each route, beside those that cover the document."""


def describe(fuzz: Fuzz) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(fuzz.counts.items()))
    return f"{fuzz.counts.total()} inputs to {', '.join(ENGINES)}: {counts}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schemathesis", type=Path, help="its program; else no OpenAPI")
    arguments = parser.parse_args()
    logging.getLogger("lambda_serving").addHandler(logging.NullHandler())
    logging.getLogger("lambda_serving").propagate = False
    told = os.fdopen(os.dup(1), "w")  # standard output is where the records go
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory(dir=PROJECT / ".local", prefix="fuzz-") as name:
        folder = Path(name)
        handlers = {
            engine: start(write_endpoint(folder / engine, case, NAME, TRAFFIC))
            for engine, case in ENGINES.items()
        }
        fuzz, began = Fuzz(handlers, folder), time.monotonic()
        try:
            fuzz.run(-(-arguments.inputs // len(handlers)), arguments.seed)
        finally:
            told.write(f"{describe(fuzz)} in {time.monotonic() - began:.0f} s\n")
            told.flush()
        if arguments.schemathesis:
            report = fuzz_openapi(arguments.schemathesis, folder / "dev", EXAMPLES, arguments.seed)
            told.write(report)


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: cold start, hot path and model load; ours, the floor and the usual, in one run.

    uv run python -m bench [--rounds 10] [--only cold,hot,load,statistics] [--out bench/results]

Writes report.md and cold_start.svg. Nothing here fails because something is slow.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench import cold_start, hot_path, model_load, records
from bench.findings import Findings
from bench.places import find_places
from bench.plot import draw
from bench.report import measure_function, render
from bench.storage import Storage
from bench.targets import list_targets
from tests.servers.built import PROJECT

PARTS = ("cold", "hot", "load", "statistics")
RESULTS = Path(__file__).with_name("results")


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def run(rounds: int, parts: list[str]) -> Findings:
    """Measure the parts, one after another."""
    findings = Findings(rounds)
    local = PROJECT / ".local"  # not /tmp, which may be memory: models of 500 MB are made here
    local.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=local) as scratch:
        tell("building what changed")
        places = find_places(Path(scratch))
        findings.onnx_bytes = measure_function(places, "iris_onnx")
        with Storage(places.storage) as storage:
            if "cold" in parts:
                findings.cold = cold_start.run(places, storage.endpoint, rounds, tell)
            if "hot" in parts:
                rows = hot_path.make_rows(places)
                findings.hot = hot_path.run(rows, places, storage.endpoint, rounds, tell)
                hot_path.split(rows, places, storage.endpoint, rounds)
            if "statistics" in parts:
                rows = records.make_rows(places)
                findings.statistics = hot_path.run(rows, places, storage.endpoint, rounds, tell)
        if "load" in parts:
            findings.loads = model_load.run(places, rounds, tell)
    return findings


def read_parts(text: str) -> list[str]:
    parts = text.split(",")
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no part is named {unknown[0]!r}: {', '.join(PARTS)}")
    return parts


def read_rounds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def read_arguments() -> argparse.Namespace:
    """All that can be wrong is told before anything is measured."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=read_rounds, default=10)
    parser.add_argument("--only", type=read_parts, default=PARTS, help="parts, with commas between")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if set(arguments.only) != set(PARTS) and arguments.out.resolve() == RESULTS.resolve():
        parser.error("--only needs an --out: a part must not take the place of the whole report")
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


def main() -> None:
    arguments = read_arguments()
    findings = run(arguments.rounds, arguments.only)
    (arguments.out / "report.md").write_text(render(findings))
    if findings.cold:
        (arguments.out / "cold_start.svg").write_text(draw(findings.cold))
    for target in list_targets(findings):
        told = "met    " if target.is_met else "NOT MET"
        sys.stdout.write(f"{told}  {target.text}: {target.measured}\n")
    sys.stdout.write(f"{arguments.out / 'report.md'}\n")


if __name__ == "__main__":
    main()

"""`make bench`: cold start, hot path and model load; ours, the floor and the usual, in one run.

    uv run python -m bench [--rounds 10] [--only cold,hot,load,statistics] [--out bench/results]

Writes report.md and cold_start.svg. Nothing here fails because something is slow.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import cold_start, hot_path, model_load
from bench.places import find_places
from bench.plot import draw
from bench.report import Report, list_targets, measure_function, render
from bench.storage import Storage
from tests.servers.built import PROJECT

PARTS = ("cold", "hot", "load", "statistics")


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def run(rounds: int, parts: list[str]) -> Report:
    """Measure the parts, one after another."""
    report = Report(rounds)
    local = PROJECT / ".local"  # not /tmp, which may be memory: models of 500 MB are made here
    local.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=local) as scratch:
        tell("building what changed")
        places = find_places(Path(scratch))
        report.onnx_bytes = measure_function(places, "iris_onnx")
        with Storage(places.storage) as storage:
            if "cold" in parts:
                report.cold = cold_start.run(places, storage.endpoint, rounds, tell)
            if "hot" in parts:
                report.hot = hot_path.run(places, storage.endpoint, rounds * 2, tell)
            if "load" in parts:
                report.loads = model_load.run(places, storage.endpoint, rounds, tell)
    if "statistics" in parts:
        tell("statistics")
        command = [sys.executable, "-m", "bench.statistics"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        report.statistics = done.stdout
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"))
    arguments = parser.parse_args()
    report = run(arguments.rounds, arguments.only.split(","))
    arguments.out.mkdir(exist_ok=True)
    (arguments.out / "report.md").write_text(render(report))
    if report.cold:
        (arguments.out / "cold_start.svg").write_text(draw(report.cold))
    for target in list_targets(report):
        told = "met    " if target.is_met else "NOT MET"
        sys.stdout.write(f"{told}  {target.text}: {target.measured}\n")
    sys.stdout.write(f"{arguments.out / 'report.md'}\n")


if __name__ == "__main__":
    main()

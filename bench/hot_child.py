"""Answers requests of one row in this process, and tells how long each took.

Runs by `python -I -S`; argv: the handler, the file of its event, the folders of sys.path. Reads
lines from standard input: `time N` gives the nanoseconds of N requests, `split N` the nanoseconds
that the median of N requests spent in each stage, with a clock around the functions of STAGES: a
mean would hold what the machine did meanwhile. Answers are JSON lines on the standard output that
it was started with; what the handler prints goes to /dev/null, as Lambda's goes to a pipe that
somebody else reads.
"""

import json
import os
import sys
from importlib import import_module
from time import perf_counter_ns

STAGES = {
    "handler:preprocess": "preprocess",
    "handler:process": "process",
    "handler:postprocess": "postprocess",
    "handler:count": "statistics",
    "handler:flush": "statistics",
    "lambda_serving.events.app:decode_body": "decode",
    "lambda_serving.events.app:make_answer": "encode",
    "lambda_serving.events.invoke:read_request": "decode",
    "lambda_serving.events.invoke:make_answer": "encode",
    "lambda_serving.telemetry.record:RecordedMetrics.__exit__": "statistics",
    "lambda_serving.telemetry.record:RecordedMetrics.pick_variables": "statistics",
}
"""Function -> stage; what no clock covers is the event source: event, routes, framework."""

answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

handler_path, event_file, *folders = sys.argv[1:]
sys.path[:0] = folders
sys.dont_write_bytecode = True
with open(event_file) as file:  # noqa: PTH123  (the row's imports are not this script's)
    event_text = file.read()


class Context:
    aws_request_id = "2f1d6a4e-0000-4000-8000-000000000001"
    function_name = "bench-iris_onnx"

    def get_remaining_time_in_millis(self):
        return 29_000


class Clock:
    """Nanoseconds by stage; a stage within another one is not counted twice."""

    def __init__(self):
        self.spent = {}
        self.inner = [0]

    def wrap(self, function, stage):
        def timed(*arguments, **named):
            self.inner.append(0)
            start = perf_counter_ns()
            try:
                return function(*arguments, **named)
            finally:
                took = perf_counter_ns() - start
                inner = self.inner.pop()
                self.inner[-1] += took
                self.spent[stage] = self.spent.get(stage, 0) + took - inner

        return timed


def install(clock):
    """Put the clock around whatever of STAGES this row has."""
    for path, stage in STAGES.items():
        module_name, _, name = path.partition(":")
        *owners, name = name.split(".")
        owner = sys.modules.get(module_name)
        for part in owners:
            owner = getattr(owner, part, None)
        if hasattr(owner, name):
            setattr(owner, name, clock.wrap(getattr(owner, name), stage))
    ours = sys.modules.get("lambda_serving.handler")
    if ours is not None:
        endpoint = ours.environment.versions.get()
        endpoint._stages = tuple(
            stage._replace(call=clock.wrap(stage.call, stage.name)) for stage in endpoint._stages
        )


def measure(count):
    took = []
    for _ in range(count):
        event = json.loads(event_text)
        start = perf_counter_ns()
        handler(event, Context)
        took.append(perf_counter_ns() - start)
    return took


def split(count):
    stages = {}
    for _ in range(count):
        (took,) = measure(1)
        spent, clock.spent = clock.spent, {}
        spent["event source"] = took - sum(spent.values())
        for stage, nanoseconds in spent.items():
            stages.setdefault(stage, []).append(nanoseconds)
    return {stage: median(values) for stage, values in stages.items()}


def median(values):
    """That of `statistics`, which would be one more module that the row does not import."""
    return sorted(values)[len(values) // 2]


Context = Context()
module, _, name = handler_path.rpartition(".")
handler = getattr(import_module(module), name)
if b"virginica" not in json.dumps(handler(json.loads(event_text), Context)).encode():
    raise SystemExit("the answer is wrong")
clock = None
for line in sys.stdin:
    command, count = line.split()
    if command == "split" and clock is None:
        clock = Clock()
        install(clock)
    answer = split(int(count)) if command == "split" else measure(int(count))
    answers.write(json.dumps(answer) + "\n")
    answers.flush()

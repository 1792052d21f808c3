"""What starts a row's function under the real runtime client; runs by `python -I -S`.

As tests/servers/bootstrap.py, and with time marks where BENCH_MARKS names a file: a line
`stage start end` (seconds of CLOCK_MONOTONIC, which all processes share) for each call of the
functions in STAGES by the main thread, none for calls within such a call. What is measured holds
no code for this: the functions are wrapped when their modules have been imported.
"""

import os
import sys
from time import perf_counter

STARTED = perf_counter()
STAGES = {
    "urllib.request": {"urlopen": "fetch"},
    "http.client": {
        "HTTPConnection.request": "fetch",
        "HTTPConnection.getresponse": "fetch",
        "HTTPResponse.read": "fetch",
    },
    "boto3": {"client": "fetch"},
    "botocore.client": {"BaseClient._make_api_call": "fetch"},
    "botocore.response": {"StreamingBody.read": "fetch"},
    "lambda_serving.pipeline.loading": {"Fetch.wait": "fetch", "make_user_code": "user code"},
    "onnxruntime.capi.onnxruntime_inference_collection": {"InferenceSession.__init__": "session"},
    "joblib.numpy_pickle": {"load": "session"},
    "xgboost.core": {"Booster.__init__": "session"},
    "lightgbm.basic": {"Booster.__init__": "session"},
}
"""Module -> function -> stage. `session` is whatever makes a model of bytes or of a file."""


def watch(report: int) -> None:
    """Wrap the functions of STAGES as their modules come."""
    from importlib.machinery import PathFinder
    from threading import get_ident

    main_thread = get_ident()
    is_inside = False

    def note(stage, start):
        os.write(report, f"{stage.replace(' ', '_')} {start!r} {perf_counter()!r}\n".encode())

    def wrap(function, stage):
        def timed(*arguments, **named):
            nonlocal is_inside
            if is_inside or get_ident() != main_thread:
                return function(*arguments, **named)
            is_inside, start = True, perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                is_inside = False
                note(stage, start)

        return timed

    def patch(module):
        for path, stage in STAGES[module.__name__].items():
            *owners, name = path.split(".")
            owner = getattr(module, owners[0]) if owners else module
            setattr(owner, name, wrap(getattr(owner, name), stage))

    class Watch:
        def find_spec(self, name, path=None, target=None):
            if name not in STAGES:
                return None
            spec = PathFinder.find_spec(name, path)
            if spec is not None:
                run = spec.loader.exec_module
                spec.loader.exec_module = lambda module: (run(module), patch(module))
            return spec

    note("interpreter", STARTED)
    sys.meta_path.insert(0, Watch())


def forbid_bytecode():
    """As on Lambda's read-only layers: Python makes missing bytecode, and cannot keep it."""
    from importlib.machinery import SourceFileLoader

    SourceFileLoader.set_data = lambda self, path, data, **options: None


handler, _, *folders = sys.argv[1:]
sys.argv = ["awslambdaric", handler]
sys.path[:0] = folders
forbid_bytecode()
marks = os.environ.get("BENCH_MARKS")
if marks:
    report = os.open(marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    watch(report)

if handler.startswith("server:"):  # no runtime client: the adapter beside it speaks to Lambda
    from importlib import import_module

    import_module(handler.removeprefix("server:")).serve()
else:
    started = perf_counter()
    from awslambdaric.__main__ import main

    if marks:
        os.write(report, f"runtime_client {started!r} {perf_counter()!r}\n".encode())
    main(sys.argv)

"""Loads one model in a fresh process, and tells how long it took and how much memory it held.

Runs by `python -I -S`, with the folders of its sys.path after the row's name. The libraries are
imported first, and every row's client is made: what is measured is from the request for the model
to the session. Prints JSON:
seconds of the load, the time when it was done (CLOCK_MONOTONIC), the peak of its memory in bytes
(VmHWM of proc(5); ru_maxrss would begin with the parent's) and what it held before the load.
"""

import json
import os
import sys
from time import perf_counter

row, *folders = sys.argv[1:]
sys.path[:0] = folders
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort  # noqa: E402  (only now it is on the path)


def open_session(source):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def prepare_floor():
    from urllib.request import build_opener

    url = "{AWS_ENDPOINT_URL}/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ)
    opener = build_opener()  # makes a TLS context, which is no part of the load

    def load():
        with opener.open(url) as answer:
            return open_session(answer.read())

    return load


def prepare_plain_floor():
    from http.client import HTTPConnection

    connection = HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
    path = "/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ)

    def load():
        connection.request("GET", path)
        return open_session(connection.getresponse().read())

    return load


def prepare_boto3():
    import boto3

    client = boto3.client("s3")
    file = f"{os.environ['SERVING_SCRATCH']}/model.onnx"

    def load():
        client.download_file(os.environ["SERVING_MODEL_BUCKET"], os.environ["BENCH_MODEL"], file)
        return open_session(file)

    return load


def prepare_ours():
    import obstore.exceptions  # noqa: F401  (all of it, as the floor has its urllib)
    import obstore.store  # noqa: F401

    import lambda_serving.models.ranges  # noqa: F401
    from lambda_serving.engines.onnx import OnnxEngine
    from lambda_serving.models import store
    from lambda_serving.settings.endpoint import VersionSettings
    from lambda_serving.settings.runtime import read_runtime

    runtime = read_runtime()
    client = store.open_bucket(runtime.model_bucket, runtime)
    store.open_bucket = lambda *_: client  # in a function it is made beside the imports
    settings = VersionSettings("bench", "1", "onnx", model=os.environ["BENCH_MODEL"])

    def load():
        engine = OnnxEngine(settings, runtime.vcpus)
        engine.load(store.fetch_model(settings.model, None, runtime))
        return engine._session

    return load


def read_memory(name):
    with open("/proc/self/status") as status:  # noqa: PTH123  (no pathlib here)
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))


PREPARE = {
    "floor": prepare_floor,
    "floor, plain http.client": prepare_plain_floor,
    "boto3": prepare_boto3,
    "ours": prepare_ours,
}
load = PREPARE[row]()
before = read_memory("VmRSS")
started = perf_counter()
session = load()
done = perf_counter()
sys.stdout.write(
    json.dumps(
        {
            "seconds": done - started,
            "done": done,
            "peak": read_memory("VmHWM"),
            "before": before,
            "after": read_memory("VmRSS"),
            "input": session.get_inputs()[0].shape[1],
        }
    )
)

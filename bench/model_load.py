"""Big models: seconds and peak memory from S3 to a session, each in a fresh process."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.order import shuffle
from bench.places import BUCKET, Places
from bench.storage import Storage

S3_RATE = 90_000_000
"""Bytes a second: what S3 gives one connection ("Performance design patterns for Amazon S3")."""

ROUNDS_AT_PACE = 3
"""How often in a run a load at S3's pace is measured, at most: it takes as long as it takes."""

WIDTH = 1024
"""Rows and columns of a layer: 4 MB of float32."""

ROWS = ("floor", "floor, plain http.client", "ours", "boto3")
CHILD = Path(__file__).with_name("load_child.py")


@dataclass(frozen=True)
class Load:
    """A model of so many megabytes of weights, from an S3 that gives a connection `rate` bytes a
    second, 0 for all there is."""

    megabytes: int
    rate: int = 0

    def __str__(self) -> str:
        pace = f" at {self.rate / 10**6:.0f} MB/s a connection" if self.rate else ""
        return f"{self.megabytes} MB{pace}"

    @property
    def key(self) -> str:
        return f"bench/{self.megabytes}.onnx"


LOADS = (Load(10), Load(100), Load(400), Load(400, S3_RATE))


@dataclass(frozen=True)
class Sample:
    """One load: seconds with the libraries imported, and of the whole process; bytes of memory."""

    seconds: float
    process_seconds: float
    peak: int
    after: int


def write_model(file: Path, megabytes: int) -> None:
    """A perceptron of random weights: layers of Gemm and Relu."""
    rng = np.random.default_rng(megabytes)
    layers = megabytes * 2**20 // (4 * WIDTH * WIDTH)
    nodes, weights = [], []
    for number in range(layers):
        weight = rng.standard_normal((WIDTH, WIDTH), dtype=np.float32) / 32
        weights.append(numpy_helper.from_array(weight, f"w{number}"))
        nodes.append(helper.make_node("Gemm", [f"x{number}", f"w{number}"], [f"h{number}"]))
        nodes.append(helper.make_node("Relu", [f"h{number}"], [f"x{number + 1}"]))
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH])
        for name in ("x0", f"x{layers}")
    ]
    graph = helper.make_graph(nodes, "bench", tensors[:1], tensors[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, file)


def measure(row: str, key: str, places: Places, endpoint: str) -> Sample:
    """One load in a process of its own."""
    layers = [places.get_layer("runtime"), places.get_layer("onnx")]
    folders = [*(str(layer / "python") for layer in layers), str(places.runtime)]
    scratch = places.scratch / "load"
    scratch.mkdir()
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "BENCH_MODEL": key,
        "PATH": os.defpath,
        "SERVING_MODEL_BUCKET": BUCKET,
        "SERVING_SCRATCH": str(scratch),
    }
    interpreter = getattr(sys, "_base_executable", sys.executable)
    started = time.perf_counter()
    done = subprocess.run(
        [interpreter, "-I", "-S", "-B", str(CHILD), row, *folders],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    shutil.rmtree(scratch)
    if done.returncode:
        raise RuntimeError(f"{row}, {key}: {done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    return Sample(told["seconds"], told["done"] - started, told["peak"], told["after"])


def run(
    places: Places, rounds: int, tell: Callable[[str], None]
) -> dict[tuple[Load, str], list[Sample]]:
    """(load, row) -> samples; a round before the first warms the page cache."""
    (places.storage / BUCKET / "bench").mkdir()
    for megabytes in {load.megabytes for load in LOADS}:
        write_model(places.storage / BUCKET / Load(megabytes).key, megabytes)
    samples: dict[tuple[Load, str], list[Sample]] = {
        (load, row): [] for load in LOADS for row in ROWS
    }
    with ExitStack() as stack:
        endpoints = {
            rate: stack.enter_context(Storage(places.storage, rate)).endpoint
            for rate in {load.rate for load in LOADS}
        }
        for number in range(rounds + 1):
            tell(f"model load: round {number} of {rounds}")
            for load in shuffle(LOADS, number):
                if load.rate and not 1 <= number <= ROUNDS_AT_PACE:
                    continue
                for row in shuffle(ROWS, number * len(LOADS) + LOADS.index(load)):
                    sample = measure(row, load.key, places, endpoints[load.rate])
                    if number:
                        samples[load, row].append(sample)
    return samples

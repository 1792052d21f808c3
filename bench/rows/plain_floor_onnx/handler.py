"""The floor for onnx with a GET by http.client, which makes no TLS context for plain HTTP."""

import os
from http.client import HTTPConnection

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort  # noqa: E402

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")

connection = HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
connection.request("GET", "/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ))
model = connection.getresponse().read()
connection.close()
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
NAMES = [output.name for output in session.get_outputs()]
INPUT = session.get_inputs()[0].name


def lambda_handler(event, context):
    return postprocess(process(preprocess(event)))


def preprocess(body):
    return np.array([[body[name] for name in MEASURES]], dtype=np.float32)


def process(flower):
    return session.run(NAMES, {INPUT: flower})


def postprocess(outputs):
    species, probabilities = outputs
    return {
        "species": SPECIES[species[0]],
        "probabilities": dict(zip(SPECIES, probabilities[0].tolist(), strict=True)),
    }

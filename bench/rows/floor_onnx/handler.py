"""The floor for onnx: numpy, onnxruntime, one GET by urllib, a session.

`urlopen` makes a TLS context, though the bench's S3 is plain HTTP: 30 ms, as on AWS, where a GET
from S3 cannot do without. What is left without it is plain_floor_onnx.
"""

import os
from urllib.request import urlopen

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort  # noqa: E402

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")

url = "{AWS_ENDPOINT_URL}/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ)
with urlopen(url) as answer:
    model = answer.read()
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

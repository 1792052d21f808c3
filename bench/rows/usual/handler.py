"""What people write today: FastAPI behind Mangum, boto3, Powertools, onnxruntime at import."""

import os
from time import perf_counter

import boto3
import numpy as np
import onnxruntime as ort
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

SPECIES = ("setosa", "versicolor", "virginica")

metrics = Metrics(namespace="Bench")
metrics.set_default_dimensions(Endpoint="iris_onnx", Version="1")
model = (
    boto3.client("s3")
    .get_object(Bucket=os.environ["SERVING_MODEL_BUCKET"], Key=os.environ["BENCH_MODEL"])["Body"]
    .read()
)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
app = FastAPI()


class Flower(BaseModel):
    sepal_length: float
    sepal_width: float
    petal_length: float
    petal_width: float


class Prediction(BaseModel):
    species: str
    probabilities: dict[str, float]


@app.get("/ready")
async def check_ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/serve/iris_onnx")
async def predict(flower: Flower) -> Prediction:
    times = [perf_counter()]
    features = preprocess(flower)
    times.append(perf_counter())
    outputs = process(features)
    times.append(perf_counter())
    result = postprocess(outputs)
    times.append(perf_counter())
    count(times)
    return result


def preprocess(flower: Flower) -> np.ndarray:
    return np.array([list(flower.model_dump().values())], dtype=np.float32)


def process(features: np.ndarray) -> list:
    return session.run(None, {session.get_inputs()[0].name: features})


def postprocess(outputs: list) -> Prediction:
    species, probabilities = outputs
    return Prediction(
        species=SPECIES[species[0]],
        probabilities=dict(zip(SPECIES, probabilities[0].tolist(), strict=True)),
    )


def count(times: list[float]) -> None:
    """Five metrics of one request, as ours has them."""
    metrics.add_metric("Count", MetricUnit.Count, 1)
    metrics.add_metric("Latency", MetricUnit.Milliseconds, (times[-1] - times[0]) * 1000)
    for number, stage in enumerate(("Preprocess", "Process", "Postprocess")):
        took = (times[number + 1] - times[number]) * 1000
        metrics.add_metric(f"{stage}Latency", MetricUnit.Milliseconds, took)


adapter = Mangum(app, lifespan="off")


def answer(event, context):
    return adapter(event, context)


def lambda_handler(event, context):
    result = answer(event, context)
    flush()
    return result


def flush() -> None:
    metrics.flush_metrics()

"""The floor for LightGBM: its library, one GET, the model."""

import os
from urllib.request import urlopen

import lightgbm
import numpy as np

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")

url = "{AWS_ENDPOINT_URL}/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ)
with urlopen(url) as answer:
    data = answer.read()
model = lightgbm.Booster(model_str=data.decode())


def lambda_handler(event, context):
    flower = [[event[name] for name in MEASURES]]
    probabilities = model.predict(np.array(flower), num_threads=1)[0]
    return {
        "species": SPECIES[probabilities.argmax()],
        "probabilities": dict(zip(SPECIES, probabilities.tolist(), strict=True)),
    }

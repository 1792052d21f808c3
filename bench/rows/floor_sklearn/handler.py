"""The floor for scikit-learn: its library, one GET, the model."""

import os
from io import BytesIO
from urllib.request import urlopen

import joblib

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")

url = "{AWS_ENDPOINT_URL}/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ)
with urlopen(url) as answer:
    data = answer.read()
model = joblib.load(BytesIO(data))


def lambda_handler(event, context):
    flower = [[event[name] for name in MEASURES]]
    probabilities = model.predict_proba(flower)[0]
    return {
        "species": SPECIES[probabilities.argmax()],
        "probabilities": dict(zip(SPECIES, probabilities.tolist(), strict=True)),
    }

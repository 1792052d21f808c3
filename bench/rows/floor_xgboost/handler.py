"""The floor for XGBoost: its library, one GET, the model."""

import os
from urllib.request import urlopen

import xgboost

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")

url = "{AWS_ENDPOINT_URL}/{SERVING_MODEL_BUCKET}/{BENCH_MODEL}".format_map(os.environ)
with urlopen(url) as answer:
    data = answer.read()
model = xgboost.Booster(model_file=bytearray(data))
model.set_param({"nthread": 1})


def lambda_handler(event, context):
    flower = [[event[name] for name in MEASURES]]
    probabilities = model.predict(xgboost.DMatrix(flower, feature_names=MEASURES))[0]
    return {
        "species": SPECIES[probabilities.argmax()],
        "probabilities": dict(zip(SPECIES, probabilities.tolist(), strict=True)),
    }

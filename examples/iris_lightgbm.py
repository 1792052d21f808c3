"""LightGBM's model of scikit-learn's iris."""

from __future__ import annotations

import lightgbm
from sklearn.datasets import load_iris

MEASURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def train_booster() -> lightgbm.Booster:
    """Small trees on all 150 flowers, in one thread; the same at every run."""
    measures, species = load_iris(return_X_y=True)
    flowers = lightgbm.Dataset(measures, label=species, feature_name=MEASURES)
    parameters = {
        "objective": "multiclass",
        "num_class": 3,
        "num_leaves": 4,
        "learning_rate": 0.3,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,  # LightGBM would time both ways and take the faster
        "seed": 0,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, flowers, num_boost_round=20)


def make_lightgbm() -> dict[str, bytes]:
    """float64[-1, 4], in the order of MEASURES -> probabilities of the species, float64[-1, 3]."""
    return {"model.txt": train_booster().model_to_string().encode()}

"""XGBoost's model of scikit-learn's iris."""

from __future__ import annotations

import xgboost
from sklearn.datasets import load_iris

MEASURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def train_booster() -> xgboost.Booster:
    """Small trees on all 150 flowers, in one thread; the same at every run."""
    measures, species = load_iris(return_X_y=True)
    flowers = xgboost.DMatrix(measures, label=species, feature_names=MEASURES, nthread=1)
    parameters = {
        "objective": "multi:softprob",
        "num_class": 3,
        "max_depth": 2,
        "learning_rate": 0.3,
        "nthread": 1,
        "seed": 0,
    }
    return xgboost.train(parameters, flowers, num_boost_round=20)


def make_xgboost() -> dict[str, bytes]:
    """A DMatrix of MEASURES -> the probabilities of the species, float32[-1, 3]."""
    return {"model.ubj": bytes(train_booster().save_raw(raw_format="ubj"))}

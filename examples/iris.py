"""Models of scikit-learn's iris: 150 flowers, 4 measures in centimetres, 3 species."""

from __future__ import annotations

import io

import joblib
import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def train_pipeline() -> Pipeline:
    """Scaled logistic regression on all 150 flowers; the same at every run."""
    measures, species = load_iris(return_X_y=True)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(measures, species)


def make_sklearn() -> dict[str, bytes]:
    """float64[-1, 4] -> the species int64[-1], and by predict_proba float64[-1, 3]."""
    file = io.BytesIO()
    joblib.dump(train_pipeline(), file)
    return {"model.joblib": file.getvalue()}


def make_onnx() -> dict[str, bytes]:
    """float32[-1, 4] -> the species int64[-1] and their probabilities float32[-1, 3]."""
    model = to_onnx(
        train_pipeline(),
        np.zeros((1, 4), dtype=np.float32),
        options={"zipmap": False},  # probabilities as a plain array
        target_opset=18,
    )
    return {"model.onnx": model.SerializeToString()}

"""What XGBoost and LightGBM have in common."""

import numpy as np

from lambda_serving_cli.conversion.original import Array, Arrays

OPSET = 15
"""The newest that onnxmltools 1.16 writes."""


def split_probabilities(answer: Array) -> Arrays:
    """Probabilities [rows, classes], or of the second of two classes [rows]: by output."""
    if answer.ndim == 1:
        answer = np.stack([1 - answer, answer], axis=1)
    return {"label": answer.argmax(axis=1), "probabilities": answer}

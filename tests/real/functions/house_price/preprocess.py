"""A joblib of a dict: the model with the scaler and the encoder that it was trained with."""

import joblib
import numpy as np


class PricePredictor:
    """The model works on the logarithm of the price."""

    def __init__(self, bundle):
        self.model = bundle["model"]

    def predict(self, X):
        return np.expm1(self.model.predict(X))


class Preprocess(object):
    def __init__(self):
        self.scaler = None
        self.encoder = None
        self.features = []

    def load(self, local_file_name):
        bundle = joblib.load(local_file_name)
        self.scaler = bundle["scaler"]
        self.encoder = bundle["encoder"]
        self.features = bundle["features"]
        return PricePredictor(bundle)

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        numbers = [[float(body[name]) for name in self.features]]
        district = self.encoder.transform([[body["district"]]])
        return np.hstack([self.scaler.transform(numbers), district])

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        return dict(price=round(data[0], -2), currency="EUR")

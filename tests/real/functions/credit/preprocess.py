"""XGBoost by the interface of scikit-learn; the model lists `xgboost` among its requirements."""

import numpy as np
from xgboost import XGBClassifier


class Preprocess(object):
    def load(self, local_file_name):
        self._model = XGBClassifier()
        self._model.load_model(local_file_name)
        return self._model

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        state["x"] = np.array([body["features"]], dtype=np.float32)
        return state["x"]

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        return {"class": data[0], "probabilities": self._model.predict_proba(state["x"])[0]}

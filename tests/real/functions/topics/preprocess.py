"""Vectorizer, classifier and names of the classes as three files of one folder."""

import json
import os
import pickle

import joblib


class Preprocess(object):
    def load(self, local_file_name):
        with open(os.path.join(local_file_name, "vectorizer.pkl"), "rb") as f:
            self.vectorizer = pickle.load(f)
        with open(os.path.join(local_file_name, "classes.json")) as f:
            self.classes = json.load(f)
        self.model = joblib.load(os.path.join(local_file_name, "model.joblib"))
        return self.model

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        state["vector"] = vector = self.vectorizer.transform([body["document"]])
        return vector

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        scores = self.model.predict_proba(state["vector"])[0]
        ranking = sorted(zip(self.classes, scores), key=lambda pair: pair[1], reverse=True)
        return {"topic": self.classes[data[0]], "scores": dict(ranking)}

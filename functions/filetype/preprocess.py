"""Tell what kind of file some bytes are, with the model of Google's magika.

The raw bytes of a file -> {"label": "python", "score": 0.99}, as magika 1.0 itself answers them
(magika/magika.py, prediction mode HIGH_CONFIDENCE).

The model looks at the first and the last bytes of a file, without the white space around them.
What is cut how, and which scores are good enough, stands in the config.json beside the model.
"""

import json
from pathlib import Path

import numpy as np


class Preprocess:
    def load(self, local_file_name):
        """Read the model's settings; runs once, when a new environment starts.

        The model is a prefix of two files, so this is a folder. We read one file; returning
        nothing lets the engine load model.onnx by itself.
        """
        self.config = json.loads((Path(local_file_name) / "config.json").read_text())
        self.text_labels = set(self.config["text_labels"])

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        """The file's bytes as the model's input, int32[1, 2048].

        What stands in ``state`` here, postprocess finds there: it lives as long as the request.
        A ValueError is the caller's mistake: its message goes out with the status 422.
        """
        if not isinstance(body, bytes):
            raise ValueError(
                "expected the raw bytes of a file, got JSON: send them as application/octet-stream"
            )
        first, last = self.cut(body)
        if len(first) < self.config["min_file_size_for_dl"]:
            state["label"] = self.tell_few_bytes(body)
        return self.make_features(first, last)

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        """The model's scores, float32[1, 214], as the answer."""
        if "label" in state:  # too few bytes for the model's word to count
            return {"label": state["label"], "score": 1.0}
        scores = data[0]
        best = int(np.argmax(scores))
        score = float(scores[best])
        return {"label": self.choose_label(best, score), "score": score}

    def cut(self, content):
        """The first and last bytes that the model looks at."""
        size, block = self.config["beg_size"], self.config["block_size"]
        first = content[:block].lstrip()[:size]
        size = self.config["end_size"]
        last = content[-block:].rstrip()[-size:]
        return first, last

    def make_features(self, first, last):
        """int32[1, beg_size + end_size]: padding stands after the first and before the last."""
        beg_size, end_size = self.config["beg_size"], self.config["end_size"]
        features = np.full((1, beg_size + end_size), self.config["padding_token"], dtype=np.int32)
        features[0, : len(first)] = np.frombuffer(first, dtype=np.uint8)
        features[0, beg_size + end_size - len(last) :] = np.frombuffer(last, dtype=np.uint8)
        return features

    def tell_few_bytes(self, content):
        """Nothing, or so little that only text and no text can be told apart."""
        if not content:
            return "empty"
        try:
            content[: self.config["block_size"]].decode("utf-8")
        except UnicodeDecodeError:
            return "unknown"
        return "txt"

    def choose_label(self, best, score):
        """The model's label, or a general one where the score is too low for that label.

        Kinds that are easily mistaken have a threshold of their own; "randomtxt" and
        "randombytes" are labels of the model alone and go out as "txt" and "unknown".
        """
        label = self.config["target_labels_space"][best]
        enough = self.config["thresholds"].get(label, self.config["medium_confidence_threshold"])
        label = self.config["overwrite_map"].get(label, label)
        if score >= enough:
            return label
        return "txt" if label in self.text_labels else "unknown"

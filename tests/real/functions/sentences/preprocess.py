"""A sentence encoder with the three inputs of BERT; its tokenizer lies beside the model."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer


class Preprocess(object):
    def load(self, local_file_name):
        self.tokenizer = Tokenizer.from_file(str(Path(local_file_name) / "tokenizer.json"))
        self.tokenizer.enable_padding()

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        encodings = self.tokenizer.encode_batch(body["sentences"])
        return {
            "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
            "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
            "token_type_ids": np.array([e.type_ids for e in encodings], dtype=np.int64),
        }

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        norms = np.linalg.norm(data, axis=1, keepdims=True)
        return {"similarity": (data / norms) @ (data / norms).T}

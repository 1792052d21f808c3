"""Photos by the bytes, as a page uploads them, or as base64 in JSON."""

import base64
import io

import numpy as np
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


class Preprocess(object):
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        raw = body if isinstance(body, bytes) else base64.b64decode(body["image"])
        image = Image.open(io.BytesIO(raw)).convert("RGB")
        state["size"] = image.size
        pixels = np.asarray(image.resize((8, 8), Image.BILINEAR), dtype=np.float32) / 255
        return ((pixels - MEAN) / STD).transpose(2, 0, 1)[np.newaxis]

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        scores = data[0]
        best = int(scores.argmax())
        label = ["red", "green", "blue"][best]
        return {"label": label, "score": scores[best], "size": state["size"]}

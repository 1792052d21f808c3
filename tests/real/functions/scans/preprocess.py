"""Scanned pages by OpenCV."""

import cv2
import numpy as np


class Preprocess(object):
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        image = cv2.imdecode(np.frombuffer(body, dtype=np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError("expected an image")
        small = cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        return cv2.dnn.blobFromImage(rgb, scalefactor=1 / 255.0)

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        exps = np.exp(data - data.max(axis=1, keepdims=True))
        return {"probabilities": (exps / exps.sum(axis=1, keepdims=True))[0].tolist()}

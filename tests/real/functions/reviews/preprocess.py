"""Reviews through TfidfVectorizer and a linear classifier, one pipeline."""

import re
from html import unescape


class Preprocess(object):
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        texts = body["text"] if isinstance(body["text"], list) else [body["text"]]
        state["single"] = not isinstance(body["text"], list)
        return [self._clean(text) for text in texts]

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        labels = data.tolist()
        if collect_custom_statistics_fn:
            for label in labels:
                collect_custom_statistics_fn({f"count_{label}": 1})
        return {"label": labels[0]} if state["single"] else {"labels": labels}

    @staticmethod
    def _clean(text):
        return re.sub(r"<[^>]+>", " ", unescape(text)).strip().lower()

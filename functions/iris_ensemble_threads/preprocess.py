"""Tell the species of an iris by asking four models at the same time, in threads.

{"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}
-> {"species": "virginica", "probabilities": {"setosa": 0.0, "versicolor": 0.01, ...},
    "asked": ["iris_onnx", ...], "left_out": []}
"""

from concurrent.futures import ThreadPoolExecutor

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
"""What each of the models asks for."""

SPECIES = ("setosa", "versicolor", "virginica")

LONGEST = 100
"""Centimetres; what is above is in another unit, or no iris."""

MODELS = ("iris_onnx", "iris_sklearn", "iris_xgboost", "iris_lightgbm")
"""The endpoints to ask; endpoint.toml names them too."""


class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        """The measures of one flower, checked: what every model would refuse is not sent to four.

        A ValueError is the caller's mistake: its message goes out with the status 422.
        """
        if not isinstance(body, dict):
            raise ValueError(f"expected a JSON object with the measures {', '.join(MEASURES)}")
        missing = [name for name in MEASURES if name not in body]
        if missing:
            raise ValueError(
                f"expected the measures {', '.join(MEASURES)}; missing: {', '.join(missing)}"
            )
        return {name: check_measure(name, body[name]) for name in MEASURES}

    def process(self, data, state, collect_custom_statistics_fn=None):
        """Model -> its answer; None where it gave none, which the log explains."""
        with ThreadPoolExecutor(len(MODELS)) as pool:
            answers = pool.map(lambda model: self.send_request(model, data=data), MODELS)
        return dict(zip(MODELS, answers, strict=True))

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        """The mean of the probabilities that came; who was asked, and who gave no answer."""
        answers = [answer["probabilities"] for answer in data.values() if answer is not None]
        if not answers:
            raise NoAnswer
        mean = {name: sum(answer[name] for answer in answers) / len(answers) for name in SPECIES}
        return {
            "species": max(mean, key=mean.get),
            "probabilities": mean,
            "asked": list(data),
            "left_out": [model for model, answer in data.items() if answer is None],
        }


class NoAnswer(Exception):
    """Any exception that has these two: the status that goes out, and what the caller reads."""

    status_code = 503
    detail = f"none of {', '.join(MODELS)} gives an answer"


def check_measure(name, value):
    """The value, where it is a length that a part of a flower can have."""
    # bool is an int to Python, and no measure; NaN fails the comparison.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LONGEST:
        raise ValueError(
            f"{name}: expected a number of centimetres from 0 to {LONGEST}, got {value!r:.40}"
        )
    return value

"""Tell the species of an iris from four measures, in centimetres.

{"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}
-> {"species": "virginica", "probabilities": {"setosa": 0.0, "versicolor": 0.01, ...}}
"""

import xgboost

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
"""The columns of the model's input, in its order."""

SPECIES = ("setosa", "versicolor", "virginica")
"""The model's classes 0, 1 and 2."""

LONGEST = 100
"""Centimetres; what is above is in another unit, or no iris."""


class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        """One flower as the model's input, a matrix of one row that names its columns.

        A ValueError is the caller's mistake: its message goes out with the status 422.
        """
        if not isinstance(body, dict):
            raise ValueError(f"expected a JSON object with the measures {', '.join(MEASURES)}")
        missing = [name for name in MEASURES if name not in body]
        if missing:
            raise ValueError(
                f"expected the measures {', '.join(MEASURES)}; missing: {', '.join(missing)}"
            )
        flower = [check_measure(name, body[name]) for name in MEASURES]
        return xgboost.DMatrix([flower], feature_names=MEASURES)

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        """What the model answers is the probability of each species, [1, 3]."""
        probabilities = data[0]
        return {
            "species": SPECIES[probabilities.argmax()],
            "probabilities": dict(zip(SPECIES, probabilities, strict=True)),
        }


def check_measure(name, value):
    """The value, where it is a length that a part of a flower can have."""
    # bool is an int to Python, and no measure; NaN fails the comparison.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LONGEST:
        raise ValueError(
            f"{name}: expected a number of centimetres from 0 to {LONGEST}, got {value!r:.40}"
        )
    return value

"""A forecast for days to come: features of the calendar, names and dates in the answer."""

from datetime import timedelta

import pandas as pd


class Preprocess(object):
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        start = pd.Timestamp(body["from"])
        days = pd.date_range(start, start + timedelta(days=body.get("days", 7) - 1), freq="D")
        X = pd.DataFrame(index=days)
        X["month"] = X.index.month
        X["dow"] = X.index.dayofweek
        X["is_weekend"] = (X["dow"] >= 5).astype(int)
        X["lag"] = pd.Series(body["history"], dtype=float).rolling(3).mean().iloc[-1]
        state["days"] = days
        return X

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        forecast = pd.Series(data, index=state["days"])
        return {
            "forecast": [{"day": d.strftime("%Y-%m-%d"), "units": v} for d, v in forecast.items()],
            "peak": forecast.idxmax().isoformat(),
        }

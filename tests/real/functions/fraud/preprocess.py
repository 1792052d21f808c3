"""Payments as a frame with dummies, in the columns that the booster was trained on."""

import pandas as pd
import xgboost as xgb


class Preprocess(object):
    columns = ["amount", "hour", "weekday", "kind_card", "kind_cash", "kind_transfer"]

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        frame = pd.json_normalize(body, record_path="payments")
        times = pd.to_datetime(frame.pop("at"), utc=True)
        frame["hour"], frame["weekday"] = times.dt.hour, times.dt.dayofweek
        frame = pd.get_dummies(frame, columns=["kind"], dtype=float)
        frame = frame.reindex(columns=self.columns, fill_value=0.0)
        state["frame"] = frame
        return xgb.DMatrix(frame)

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        frame = state["frame"].assign(score=data)
        return {"scores": frame["score"].round(5).tolist(), "worst": frame["score"].idxmax()}

"""Customers as they come from the web shop, through a scikit-learn pipeline that wants a frame."""

from typing import Any

import numpy as np
import pandas as pd

COLUMNS = ["age", "tenure", "plan", "country"]


class Preprocess(object):
    def __init__(self):
        self.model_columns = COLUMNS

    def preprocess(self, body: dict, state: dict, collect_custom_statistics_fn=None) -> Any:
        df = pd.DataFrame(body["customers"])
        missing = [name for name in self.model_columns if name not in df.columns]
        if missing:
            raise ValueError(f"missing columns: {missing}")
        df["age"] = pd.to_numeric(df["age"], errors="coerce").fillna(40)
        df["plan"] = df["plan"].str.lower()
        state["ids"] = df["id"]
        if collect_custom_statistics_fn:
            collect_custom_statistics_fn({"customers": len(df), "mean_age": df["age"].mean()})
        return df[self.model_columns]

    def postprocess(self, data: Any, state: dict, collect_custom_statistics_fn=None) -> dict:
        out = pd.DataFrame({"id": state["ids"], "churn": np.asarray(data, dtype=int)})
        return {"predictions": out.to_dict(orient="records"), "total": out["churn"].sum()}

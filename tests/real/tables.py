"""Classes whose models take tables and texts; the answers are those of the libraries themselves."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.real.case import Case

RANDOM = np.random.default_rng(11)


def dump(model: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


def save(write: Callable[[str], object], name: str) -> bytes:
    """What a library writes into a file of that name."""
    with TemporaryDirectory() as folder:
        write(f"{folder}/{name}")
        return Path(folder, name).read_bytes()


def churn() -> Case:
    rows = pd.DataFrame(
        {
            "age": RANDOM.integers(18, 90, 200).astype(float),
            "tenure": RANDOM.integers(0, 60, 200).astype(float),
            "plan": RANDOM.choice(["basic", "gold"], 200),
            "country": RANDOM.choice(["de", "fr", "pl"], 200),
        }
    )
    columns = make_column_transformer(
        (StandardScaler(), ["age", "tenure"]),
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "country"]),
    )
    model = make_pipeline(columns, LogisticRegression())
    model.fit(rows, (rows["tenure"] < 20) ^ (rows["plan"] == "gold"))
    customers = [
        {"id": "a", "age": "31", "tenure": 2, "plan": "Basic", "country": "de"},
        {"id": "b", "age": "unknown", "tenure": 50, "plan": "GOLD", "country": "it"},
        {"id": "c", "age": 64, "tenure": 55, "plan": "basic", "country": "pl"},
    ]
    asked = pd.DataFrame(customers).assign(age=[31, 40, 64], plan=["basic", "gold", "basic"])
    labels = [int(label) for label in model.predict(asked[list(rows)])]
    assert len(set(labels)) == 2
    predictions = [{"id": key, "churn": label} for key, label in zip("abc", labels, strict=True)]
    answer = {"predictions": predictions, "total": sum(labels)}
    return Case({"churn/pipeline.joblib": dump(model)}, {"customers": customers}, answer)


def house_price() -> Case:
    numbers = RANDOM.uniform(20, 200, (100, 2))
    districts = RANDOM.choice(["north", "south"], (100, 1))
    scaler = StandardScaler().fit(numbers)
    encoder = OneHotEncoder(sparse_output=False).fit(districts)
    rows = np.hstack([scaler.transform(numbers), encoder.transform(districts)])
    model = Ridge().fit(rows, np.log1p(numbers.sum(axis=1) * 1000))
    names = ["living", "garden"]
    bundle = {"model": model, "scaler": scaler, "encoder": encoder, "features": names}
    asked = np.hstack([scaler.transform([[90.0, 40.0]]), encoder.transform([["south"]])])
    price = float(np.round(np.expm1(model.predict(asked))[0], -2))
    body = {"living": "90", "garden": 40, "district": "south"}
    answer = {"price": price, "currency": "EUR"}
    return Case({"house_price/bundle.joblib": dump(bundle)}, body, answer)


def reviews() -> Case:
    texts = ["good and quick", "very good", "bad and slow", "slow, bad service", "quick delivery"]
    labels = ["pos", "pos", "neg", "neg", "pos"]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=100))
    model.fit(texts, labels)
    asked = ["Quick &amp; <b>GOOD</b>", "<p>so slow"]
    right = model.predict(["quick &  good", "so slow"]).tolist()
    assert right == ["pos", "neg"]
    return Case({"reviews/tfidf.joblib": dump(model)}, {"text": asked}, {"labels": right})


def topics() -> Case:
    documents = ["ball goal team", "vote law party", "team ball", "party vote", "goal goal law"]
    vectorizer = CountVectorizer().fit(documents)
    model = MultinomialNB().fit(vectorizer.transform(documents), [0, 1, 0, 1, 0])
    classes = ["sports", "politics"]
    vector = vectorizer.transform(["the party has a goal: vote"])
    scores = dict(zip(classes, model.predict_proba(vector)[0].tolist(), strict=True))
    models = {
        "topics/1/vectorizer.pkl": pickle.dumps(vectorizer),
        "topics/1/model.joblib": dump(model),
        "topics/1/classes.json": json.dumps(classes).encode(),
    }
    answer = {"topic": classes[model.predict(vector)[0]], "scores": scores}
    return Case(models, {"document": "the party has a goal: vote"}, answer)


def fraud() -> Case:
    columns = ["amount", "hour", "weekday", "kind_card", "kind_cash", "kind_transfer"]
    rows = pd.DataFrame(RANDOM.uniform(0, 20, (300, 6)), columns=columns)
    target = (rows["amount"] + rows["hour"] > 20).astype(int)
    params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    model = xgboost.train(params, xgboost.DMatrix(rows, target), num_boost_round=8)
    payments = [
        {"amount": 2.5, "at": "2026-11-02T23:10:00+02:00", "kind": "card"},
        {"amount": 19.0, "at": "2026-11-07T03:00:00Z", "kind": "transfer"},
    ]
    asked = pd.DataFrame([[2.5, 21, 0, 1, 0, 0], [19, 3, 5, 0, 0, 1]], columns=columns, dtype=float)
    scores = model.predict(xgboost.DMatrix(asked))
    assert abs(scores[0] - scores[1]) > 0.05
    answer = {"scores": [float(each) for each in scores.round(5)], "worst": int(scores.argmax())}
    data = save(model.save_model, "model.ubj")
    return Case({"fraud/model.ubj": data}, {"payments": payments}, answer)


def credit() -> Case:
    rows = RANDOM.uniform(0, 1, (150, 3)).astype(np.float32)
    model = xgboost.XGBClassifier(n_estimators=6, max_depth=2, n_jobs=1)
    model.fit(rows, (rows[:, 0] * 3).astype(int))
    asked = np.array([[0.5, 0.2, 0.9]], dtype=np.float32)
    answer = {
        "class": int(model.predict(asked)[0]),
        "probabilities": [float(each) for each in model.predict_proba(asked)[0]],
    }
    data = save(model.save_model, "model.json")
    return Case({"credit/model.json": data}, {"features": asked[0].tolist()}, answer)


def demand() -> Case:
    names = ["month", "dow", "is_weekend", "lag"]
    rows = pd.DataFrame(RANDOM.integers(0, 12, (300, 4)), columns=names).astype(float)
    params = {"objective": "regression", "min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1}
    data = lightgbm.Dataset(rows, rows["dow"] * 2 + rows["lag"])
    model = lightgbm.train(params, data, num_boost_round=20)
    days = pd.date_range("2026-02-27", periods=3)
    asked = [[day.month, day.weekday(), int(day.weekday() >= 5), 7.0] for day in days]
    units = [float(each) for each in model.predict(np.array(asked))]
    texts = [day.strftime("%Y-%m-%d") for day in days]
    forecast = [{"day": day, "units": each} for day, each in zip(texts, units, strict=True)]
    peak = days[int(np.argmax(units))].isoformat()
    body = {"from": "2026-02-27", "days": 3, "history": [1, 6, 7, 8]}
    answer = {"forecast": forecast, "peak": peak}
    return Case({"demand/model.txt": save(model.save_model, "model.txt")}, body, answer)


def limits() -> Case:
    return Case({}, {"plan": "gold", "age": 36}, {"limit": 310.0})

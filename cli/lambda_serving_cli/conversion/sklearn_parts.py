"""What a fitted model of scikit-learn's holds: parts that no converter expresses, and hints."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import BaseDecisionTree

from lambda_serving_cli.conversion.original import ConversionError, Hints


def walk_parts(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Every estimator inside a fitted one, itself first."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, BaseEstimator):
        yield value
        inner = list(vars(value).values())
    elif isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, list | tuple) or (
        isinstance(value, np.ndarray) and value.dtype == object
    ):
        inner = list(np.ravel(value)) if isinstance(value, np.ndarray) else list(value)
    else:
        return
    for item in inner:
        yield from walk_parts(item, seen)


def refuse_what_onnx_lacks(model: Any) -> None:
    """Name what skl2onnx converts into something else, without an error."""
    for part in walk_parts(model):
        categorical = getattr(part, "is_categorical_", None)
        if categorical is not None and np.any(categorical):
            raise ConversionError(
                f"{type(part).__name__} has categories of its own (categorical_features), which"
                " the converter takes for numbers",
                advice="serve it by the engine 'sklearn', or fit it behind an OrdinalEncoder or"
                " a OneHotEncoder, without categorical_features",
            )


def read_hints(model: Any) -> dict[int, Hints]:
    """Thresholds of trees and categories of encoders, by the features that meet them."""
    hints: dict[int, Hints] = {}
    names = list(getattr(model, "feature_names_in_", ()))
    _read(model, list(range(getattr(model, "n_features_in_", 0))), names, hints)
    return hints


def _read(part: Any, columns: list[int], names: list[Any], hints: dict[int, Hints]) -> None:
    if hasattr(part, "best_estimator_"):
        part = part.best_estimator_
    if isinstance(part, Pipeline):
        for step in _list_first_steps(part):
            _read(step, columns, names, hints)
    elif isinstance(part, ColumnTransformer):
        for inner, places in _list_branches(part, names):
            _read(inner, [columns[place] for place in places], names, hints)
    elif isinstance(part, OneHotEncoder | OrdinalEncoder):
        _read_categories(part, columns, hints)
    elif isinstance(part, BaseEstimator):
        for feature, value in _list_thresholds(part):
            if feature < len(columns):
                hints.setdefault(columns[feature], Hints()).values.append(value)


def _read_categories(encoder: Any, columns: list[int], hints: dict[int, Hints]) -> None:
    for column, known in zip(columns, encoder.categories_, strict=False):
        hint = hints.setdefault(column, Hints())
        # None and NaN stand for missing values, which are tried by themselves.
        hint.categories = [
            value for value in known.tolist() if value == value and value is not None
        ]
        hint.takes_unknown = encoder.handle_unknown != "error"


def _list_first_steps(part: Pipeline) -> Iterator[Any]:
    """Those that meet the columns as they are: what comes behind meets others."""
    for _, step in part.steps:
        yield step
        if step not in (None, "passthrough") and (
            not isinstance(step, SimpleImputer) or step.add_indicator
        ):
            return


def _list_branches(part: ColumnTransformer, names: list[Any]) -> Iterator[tuple[Any, list[int]]]:
    """Each inner estimator with the places of its columns, where these are named or numbered."""
    for _, inner, chosen in part.transformers_:
        if isinstance(inner, str) or isinstance(chosen, str | slice):
            continue
        chosen = np.asarray(chosen)
        if chosen.dtype.kind != "b":
            yield inner, [names.index(c) if isinstance(c, str) else int(c) for c in chosen.tolist()]


def _list_thresholds(model: Any) -> Iterator[tuple[int, float]]:
    """(feature, threshold) of scikit-learn's trees."""
    for part in walk_parts(model):
        if isinstance(part, BaseDecisionTree) and hasattr(part, "tree_"):
            inner = part.tree_.feature >= 0
            yield from zip(
                part.tree_.feature[inner].tolist(),
                part.tree_.threshold[inner].tolist(),
                strict=True,
            )
        for predictors in getattr(part, "_predictors", ()):
            for predictor in predictors:
                nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
                yield from zip(
                    nodes["feature_idx"].tolist(), nodes["num_threshold"].tolist(), strict=True
                )

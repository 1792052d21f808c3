"""Values that orjson does not encode as FastAPI's ``jsonable_encoder`` does.

Imported at the first such value. The rules are those of fastapi/encoders.py, in its order. Types
are found by name, so that the check imports nothing. NumPy, pandas and ``null`` for numbers that
JSON lacks are added: there, ClearML Serving fails or sends invalid JSON (docs/results.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from operator import methodcaller
from typing import Any

import orjson

from lambda_serving.errors import ResultError
from lambda_serving.user_values import get_text


def encode(value: Any, is_result: bool) -> bytes:
    """A value as JSON; keys that begin with ``_sa`` are left out of results alone.

    Raises:
        ResultError: JSON cannot hold it, or code of the user's failed while it was read.
    """
    try:
        plain = simplify(value, is_result)
        try:
            return orjson.dumps(plain)
        except orjson.JSONEncodeError:
            # Integers over 64 bits, nesting over 254 levels, text that is not valid Unicode.
            return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
    except ResultError:
        raise
    except RecursionError as error:
        raise ResultError("the result refers to itself or is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ResultError("the result holds text that is not valid Unicode") from error
    except BaseException as error:  # reading a value runs the user's code
        text = get_text(error)
        if not is_result:  # of statistics and of calls: told in the log alone, on one line
            raise ResultError(f"{type(error).__name__}: {text}") from error
        detail = f"the result cannot be read: {type(error).__name__}; the log has the traceback"
        raise ResultError(detail, private=text) from error


def simplify(value: Any, is_result: bool) -> Any:
    """Plain values of JSON, with text as keys; one frame of the stack a level."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if isfinite(value) else None
    if kind is list or kind is tuple:
        return [simplify(item, is_result) for item in value]
    if kind is dict:
        return {
            _write_key(simplify(key, is_result)): simplify(item, is_result)
            for key, item in value.items()
            if not (is_result and isinstance(key, str) and key.startswith("_sa"))
        }
    return simplify(_read(value, kind), is_result)


def _write_key(key: Any) -> str:
    """As ``json.dumps`` does."""
    if type(key) is str:
        return key
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    raise ResultError(f"the result: expected a key that JSON can hold, got {type(key).__name__}")


def _read(value: Any, kind: type) -> Any:
    """One step towards plain values."""
    names = [f"{each.__module__.partition('.')[0]}.{each.__qualname__}" for each in kind.__mro__]
    if hasattr(kind, "__dataclass_fields__") and "pydantic.BaseModel" not in names:
        return _read_dataclass(value)
    for table in (_FIRST, _BASES, _OTHERS):
        for name in names:
            if name in table:
                return table[name](value)
    if hasattr(kind, "__array__") and hasattr(kind, "tolist"):  # another library's
        return value.tolist()
    try:
        return dict(value)
    except Exception as error:  # noqa: BLE001  (as jsonable_encoder: whatever it is)
        try:
            return vars(value)
        except TypeError:
            raise ResultError(
                f"the result: expected what JSON can hold, got {kind.__name__}"
            ) from error


def _read_dataclass(value: Any) -> Any:
    from dataclasses import fields

    return {field.name: getattr(value, field.name) for field in fields(value)}


def _read_model(model: Any) -> Any:
    """A model of pydantic 2, or of 1 where that is what is installed."""
    if hasattr(model, "model_dump"):
        return model.model_dump(mode="json", by_alias=True)
    return model.dict(by_alias=True)


def _read_decimal(number: Any) -> int | float | None:
    if not number.is_finite():
        return None
    return int(number) if number.as_tuple().exponent >= 0 else float(number)


def _read_array(array: Any) -> Any:
    """A NumPy array or scalar."""
    kind = array.dtype.kind
    if kind == "f":  # Python has no type for a longdouble
        return array.astype(float).tolist()
    if kind == "m":
        return (array / array.dtype.type(1, "s")).tolist()
    if kind == "M":
        moments = array.astype("M8[us]")
        if any(type(moment) is int for moment in moments.ravel().tolist()):
            raise ResultError("the result: expected dates of the years 1 to 9999")
        return moments.tolist()
    plain = array.tolist()
    if type(plain) is type(array):
        raise ResultError(f"the result: expected what JSON can hold, got {type(array).__name__}")
    return plain


def _read_frame(frame: Any) -> Any:
    _check_labels(frame.columns, "a DataFrame")
    return dict(frame.items())


def _read_series(series: Any) -> Any:
    _check_labels(series.index, "a Series")
    return dict(zip(series.index.tolist(), series.tolist(), strict=True))


def _check_labels(labels: Any, what: str) -> None:
    if not labels.is_unique:
        raise ResultError(f"the result: {what} has a label twice, which a JSON object cannot hold")


def _read_text(value: Any) -> str:
    return bytes(value).decode()


_Table = dict[str, Callable[[Any], Any]]

_list, _write_iso = methodcaller("tolist"), methodcaller("isoformat")

_FIRST: _Table = {
    "pydantic.BaseModel": _read_model,
    "enum.Enum": lambda value: value.value,
    "pathlib.PurePath": str,
}
"""By the top-level module and the name of a class or one of its bases."""

_BASES: _Table = {
    "builtins.str": str.__str__,
    "builtins.int": int.__index__,
    "builtins.float": float.__pos__,
    "pydantic_core.PydanticUndefinedType": lambda value: None,
    "builtins.dict": lambda value: dict(value.items()),
    **dict.fromkeys(("builtins.list", "builtins.tuple", "builtins.set"), list),
    **dict.fromkeys(("builtins.frozenset", "builtins.generator", "collections.deque"), list),
}

_OTHERS: _Table = {
    "array.array": _list,
    "numpy.ndarray": _read_array,
    "numpy.generic": _read_array,
    "pandas.DataFrame": _read_frame,
    "pandas.Series": _read_series,
    "pandas.Index": _list,
    "pandas.ExtensionArray": _list,
    "pandas.NaTType": lambda value: None,
    "pandas.NAType": lambda value: None,
    "pandas.Period": str,
    "pandas.Interval": str,
    **dict.fromkeys(("builtins.bytes", "builtins.bytearray", "builtins.memoryview"), _read_text),
    **dict.fromkeys(("datetime.date", "datetime.datetime", "datetime.time"), _write_iso),
    "datetime.timedelta": lambda value: value.total_seconds(),
    "decimal.Decimal": _read_decimal,
    "re.Pattern": lambda value: value.pattern,
    "uuid.UUID": str,
    **{
        f"ipaddress.IPv{version}{what}": str
        for version in (4, 6)
        for what in ("Address", "Interface", "Network")
    },
    **{f"pydantic.{name}": str for name in ("AnyUrl", "_BaseUrl", "_BaseMultiHostUrl")},
    **{f"pydantic.{name}": str for name in ("Color", "NameEmail", "SecretBytes", "SecretStr")},
    **{f"pydantic_core.{name}": str for name in ("Url", "MultiHostUrl")},
    "pydantic_extra_types.Color": str,
}

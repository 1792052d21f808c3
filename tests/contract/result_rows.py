"""What a result may hold, and the JSON it becomes here and in ClearML Serving: one row each.

docs/results.md is written from these rows: `python -m tests.contract.results_page`.
"""

from typing import Any, NamedTuple

SETUP = """
import collections, dataclasses, datetime, decimal, enum, ipaddress, pathlib, re, types, uuid
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from datetime import date, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pydantic


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Kind(enum.StrEnum):
    CAT = "cat"


@dataclasses.dataclass
class Flower:
    name: str
    _seen: date
    inner: object = None


@dataclasses.dataclass(slots=True)
class Slots:
    a: int


class Model(pydantic.BaseModel):
    a: Decimal = pydantic.Field(serialization_alias="A")
    day: date = date(2024, 5, 1)


class Plain:
    def __init__(self):
        self.a, self._b, self._sa_state = 1, {2}, 3


class Pairs:
    def __iter__(self):
        return iter([("a", 1)])


class Text(str):
    def __str__(self):
        return "other"


class Whole(int):
    def __repr__(self):
        return "other"


class Real(float):
    def __repr__(self):
        return "other"


class Shown(dict):
    def items(self):
        return [(key, f"<{self[key]}>") for key in self]


Point = namedtuple("Point", "x y")
"""


class Row(NamedTuple):
    code: str
    """An expression, with the names of SETUP."""
    json: Any
    """What it becomes here."""
    reason: str = ""
    """Why ClearML Serving's answer differs, where it does."""


NULL = "JSON has no such number; there it fails with 500"
ARRAY = "there only a plain `float64` or text of NumPy's works"
CLASS = "there it fails with 500"
PAIRS = "there an array of pairs is taken for the items of a dict"
EMPTY = "there it is an empty dict, whatever it holds"
MISSING = 'what is missing is `null`; there it is the text `"NaT"`'
LABELS = "there only columns of floats or text work"

PLAIN = (
    Row('[1, 2.5, "ü", True, None]', [1, 2.5, "ü", True, None]),
    Row("(1, (2,))", [1, [2]]),
    Row("{3}", [3]),
    Row("frozenset({3})", [3]),
    Row("deque([1, 2])", [1, 2]),
    Row("(n * n for n in range(3))", [0, 1, 4]),
    Row('{"a": (n for n in [1]), "b": 2**70}', {"a": [1], "b": 2**70}),
    Row("2**64", 2**64),
    Row("1e16", 1e16),
    Row('float("nan")', None, NULL),
    Row('[float("inf"), -float("inf")]', [None, None], NULL),
    Row('{"_sample": 1, "b": 2}', {"b": 2}),
    Row('{1: "a", None: "b", True: "c"}', {"1": "c", "null": "b"}),
    Row('{1e16: "a", 2.5: "b"}', {"1e+16": "a", "2.5": "b"}),
    Row("{date(2024, 5, 1): 1, Colour.RED: 2}", {"2024-05-01": 1, "red": 2}),
    Row('{b"a": 1, Decimal("1.50"): 2}', {"a": 1, "1.5": 2}),
    Row("OrderedDict(a=1)", {"a": 1}),
    Row("defaultdict(int, a=1)", {"a": 1}),
    Row('collections.Counter("aab")', {"a": 2, "b": 1}),
    Row('types.MappingProxyType({"a": {1}})', {"a": [1]}),
    Row("UserDict(a=1)", {"a": 1}),
    Row("Shown(a=1)", {"a": "<1>"}),
    Row('zip(["a"], [1])', {"a": 1}),
    Row("Point(1, 2)", [1, 2]),
    Row('[Text("a"), Whole(2), Real(0.5)]', ["a", 2, 0.5]),
    Row('{"a": b"text"}', {"a": "text"}),
    Row('{"a": bytearray(b"text")}', {"a": "text"}, CLASS),
)

STANDARD_LIBRARY = (
    Row("datetime.datetime(2024, 5, 1, 12, 30)", "2024-05-01T12:30:00"),
    Row(
        "datetime.datetime(2024, 5, 1, 12, 30, 0, 500, tzinfo=timezone.utc)",
        "2024-05-01T12:30:00.000500+00:00",
    ),
    Row(
        "datetime.datetime(1, 1, 1, tzinfo=timezone(timedelta(seconds=61)))",
        "0001-01-01T00:00:00+00:01:01",
    ),
    Row("date(2024, 5, 1)", "2024-05-01"),
    Row("time(12, 30, tzinfo=timezone.utc)", "12:30:00+00:00"),
    Row("timedelta(minutes=1, milliseconds=500)", 60.5),
    Row('[Decimal("1"), Decimal("1.0"), Decimal("1E+2")]', [1, 1.0, 100]),
    Row('[Decimal("NaN"), Decimal("-Infinity")]', [None, None], NULL),
    Row("uuid.UUID(int=1)", "00000000-0000-0000-0000-000000000001"),
    Row("[Colour.RED, Level.LOW, Kind.CAT]", ["red", 1, "cat"]),
    Row('pathlib.Path("a/b")', "a/b"),
    Row('pathlib.PureWindowsPath("a/b")', "a\\b"),
    Row('re.compile("a+")', "a+"),
    Row('ipaddress.ip_address("10.0.0.1")', "10.0.0.1"),
    Row('ipaddress.ip_network("fe80::/64")', "fe80::/64"),
    Row('ipaddress.ip_interface("10.0.0.1/8")', "10.0.0.1/8"),
)

CLASSES = (
    Row(
        'Flower("iris", date(2024, 5, 1), [Slots(1)])',
        {"name": "iris", "_seen": "2024-05-01", "inner": [{"a": 1}]},
    ),
    Row(
        'Flower("iris", None, np.arange(2))',
        {"name": "iris", "_seen": None, "inner": [0, 1]},
        ARRAY,
    ),
    Row('Model(a="1.5")', {"A": "1.5", "day": "2024-05-01"}),
    Row('[pydantic.SecretStr("secret")]', ["**********"]),
    Row('pydantic.SecretBytes(b"secret")', "b'**********'"),
    Row('pydantic.AnyUrl("https://a.b/c")', "https://a.b/c"),
    Row("Plain()", {"a": 1, "_b": [2]}),
    Row("types.SimpleNamespace(a=Plain())", {"a": {"a": 1, "_b": [2]}}),
    Row("Pairs()", {"a": 1}),
    Row("Exception(1)", {}),
)

NUMPY = (
    Row("np.float64(0.5)", 0.5),
    Row('np.str_("a")', "a"),
    Row('[np.bytes_(b"a")]', ["a"]),
    Row("[np.float32(0.5), np.float16(0.5), np.longdouble(0.5)]", [0.5] * 3, ARRAY),
    Row("[np.int64(3), np.uint8(3), np.bool_(True)]", [3, 3, True], ARRAY),
    Row('{np.int64(7): "a", np.float32(0.5): "b"}', {"7": "a", "0.5": "b"}, ARRAY),
    Row("np.arange(4).reshape(2, 2)", [[0, 1], [2, 3]], ARRAY),
    Row("np.arange(4).reshape(2, 2).T[::-1]", [[1, 3], [0, 2]], ARRAY),
    Row("np.array([[0.25, 0.75]])", [[0.25, 0.75]], PAIRS),
    Row("np.array([])", [], PAIRS),
    Row('np.array(["a", "b"])', ["a", "b"], ARRAY),
    Row("np.array([1, date(2024, 5, 1), {2}, np.nan])", [1, "2024-05-01", [2], None], ARRAY),
    Row("np.array([np.nan, np.inf, 1])", [None, None, 1.0], NULL),
    Row("np.array([np.nan, 1], dtype=np.longdouble)", [None, 1.0], NULL),
    Row("np.ma.array([1, 2], mask=[False, True])", [1, None], ARRAY),
    Row('np.array([(1, "a")], dtype=[("n", int), ("t", "U1")])', [[1, "a"]], ARRAY),
    Row('np.datetime64("2024-05-01T12:30")', "2024-05-01T12:30:00", CLASS),
    Row('np.array(["2024-05-01", "1970-01-01"], dtype="M8[D]")',
        ["2024-05-01T00:00:00", "1970-01-01T00:00:00"], CLASS),
    *(
        Row(f'np.array(["2024-05-02", "NaT"], dtype="M8[{unit}]")',
            ["2024-05-02T00:00:00", None], CLASS)
        for unit in ("W", "D", "h", "m", "s", "ms", "us", "ns")
    ),
    Row('[np.datetime64("NaT", unit) for unit in ("D", "us", "ns")]',
        [None] * 3, CLASS),
    Row('np.array(["1970-02-01", "NaT"], dtype="M8[ps]")', ["1970-02-01T00:00:00", None], CLASS),
    Row('np.array(["NaT", "2024-05-02"], dtype=">M8[ns]")', [None, "2024-05-02T00:00:00"], CLASS),
    Row('[np.timedelta64(90, "s"), np.timedelta64("NaT", "s")]', [90.0, None], CLASS),
    Row('np.array([1500, "NaT"], dtype="m8[ms]")', [1.5, None], CLASS),
)  # fmt: skip

PANDAS = (
    Row('pd.Timestamp("2024-05-01 12:30")', "2024-05-01T12:30:00"),
    Row('pd.Timestamp("2024-05-01", tz="UTC")', "2024-05-01T00:00:00+00:00"),
    Row('pd.Timestamp("2024-05-01 00:00:00.123456789")', "2024-05-01T00:00:00.123456789"),
    Row('pd.Timedelta("1min")', 60.0),
    Row("pd.NaT", None, MISSING),
    Row("pd.NA", None, "there it is a dict of pandas' own"),
    Row("pd.Series([0.5, 1.5])", {"0": 0.5, "1": 1.5}),
    Row('pd.Series(["x", "y"], index=["a", "b"])', {"a": "x", "b": "y"}),
    Row('pd.Series([0.5], index=pd.to_datetime(["2024-05-01"]))', {"2024-05-01T00:00:00": 0.5}),
    Row("pd.Series([1, 2])", {"0": 1, "1": 2}, LABELS),
    Row("pd.Series([1, None], dtype='Int64')", {"0": 1, "1": None}, LABELS),
    Row('pd.Series(pd.to_datetime(["2024-05-01", None]))',
        {"0": "2024-05-01T00:00:00", "1": None}, MISSING),
    Row('pd.DataFrame({"a": [0.5, 1.5], "b": ["x", "y"]})',
        {"a": {"0": 0.5, "1": 1.5}, "b": {"0": "x", "1": "y"}}),
    Row('pd.DataFrame({"a": [1, 2], "b": [0.5, None]}, index=["x", "y"])',
        {"a": {"x": 1, "y": 2}, "b": {"x": 0.5, "y": None}}, LABELS),
    Row('pd.DataFrame({"a": [1]}).to_dict("records")', [{"a": 1}]),
    Row("pd.Index([1, 2])", [1, 2], CLASS),
    Row('pd.Categorical(["x", "y"])', ["x", "y"], EMPTY),
    Row('pd.Series(["x"], dtype="category")', {"0": "x"}),
    Row('pd.Period("2024-05")', "2024-05", EMPTY),
    Row("pd.Interval(0, 1)", "(0, 1]", CLASS),
    Row("pd.array([1, None])", [1, None], CLASS),
)  # fmt: skip

GROUPS = {
    "Python's own": PLAIN,
    "The standard library's": STANDARD_LIBRARY,
    "Classes": CLASSES,
    "NumPy": NUMPY,
    "pandas": PANDAS,
}

"""Shapes by how the class is made."""

from tests.contract.shape import (
    ANSWER,
    PLAIN,
    Shape,
)

FACTORY = PLAIN.replace("class Preprocess:", "class _Hidden:") + (
    "\nclass Meta(type):\n    def __call__(cls):\n        return _Hidden()\n"
    "class Preprocess(metaclass=Meta):\n    pass\n"
)
CALLABLES = """
import functools
$imports

class Doubtful:
    def __call__(self, body, state, collect_custom_statistics_fn):
        return $rows

def post(key, data, state, collect_custom_statistics_fn):
    return {key: float(np.ravel(data)[0])}

class Preprocess:
    def __init__(self):
        self.preprocess = Doubtful()
        self.postprocess = functools.partial(post, "y")
$process
"""
NOT_CALLABLE = PLAIN + "\n    load = None\n    unload = None\n"
BASE = (
    """
import abc
$imports

class Base(abc.ABC):
    @abc.abstractmethod
    def preprocess(self, body, state, collect_custom_statistics_fn): ...

class Reader:
"""
    + ANSWER
    + """
class Preprocess(Reader, Base):
    def __init__(self):
        super().__init__()
"""
)
STATIC = """
$imports

class Preprocess:
    FIELDS = ("a", "b")

    @classmethod
    def load(cls, local_file_name):
        cls.loaded = True

    @staticmethod
    def preprocess(body, state, collect_custom_statistics_fn):
        return $rows
$process
    @classmethod
    def postprocess(cls, data, state, collect_custom_statistics_fn):
        assert cls.loaded
        return {"y": float(np.ravel(data)[0])}
"""
SLOTS = PLAIN.replace("class Preprocess:", "class Preprocess:\n    __slots__ = ('scale',)\n")
SLOTS_OPEN = SLOTS.replace("'scale',", "'model_endpoint', 'send_request', '__weakref__'")
FROZEN = (
    """
from dataclasses import dataclass
$imports

@dataclass(frozen=True)
class Preprocess:
    scale: float = 1.0
"""
    + ANSWER
)
DATACLASS = FROZEN.replace("(frozen=True)", "")
DECORATED = """
import functools
$imports

def traced(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)
    return call

class Preprocess:
    @traced
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        return $rows
$process
    @traced
    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        return {"y": float(np.ravel(data)[0])}
"""
DEFAULTS = """
$imports

class Preprocess:
    scale = 2
    names = ["a", "b"]

    def preprocess(self, body, state, collect_custom_statistics_fn):
        assert list(body) == self.names
        self.scale = self.scale
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "scale": self.scale}
"""


CLASSES = (
    Shape("made_by_metaclass", FACTORY),
    Shape("callables_as_methods", CALLABLES),
    Shape("methods_set_to_none", NOT_CALLABLE),
    Shape("inherited_methods", BASE),
    Shape("static_and_class_methods", STATIC),
    Shape("decorated_methods", DECORATED),
    Shape("class_level_defaults", DEFAULTS, lambda run: run.expect({"y": run.y, "scale": 2})),
    Shape("slots", SLOTS),
    Shape("slots_with_room", SLOTS_OPEN),
    Shape("dataclass", DATACLASS),
    Shape("frozen_dataclass", FROZEN),
)

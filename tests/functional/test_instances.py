"""How the user's class is made: ``send_request`` from the beginning, ``model_endpoint`` after."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler

TOML = 'endpoint = "made"\nengine = "custom"\n'
PROCESS = """
    def process(self, data, state, collect_custom_statistics_fn=None):
        return [self.model_endpoint.version, self.send_request.__name__.strip("_"), {more}]
"""
AT_INIT = "    def __init__(self):\n        self.at_init = self.send_request.__name__.strip('_')\n"


def write(head: str, more: str = "None", body: str = "") -> str:
    """A class whose answer is its version, the name of its send_request, and ``more``."""
    return f"{head}\n{body}{PROCESS.format(more=more)}"


PLAIN = "class Preprocess:"
REGISTRY = """
class Base:
    made = []
    def __init_subclass__(cls, /, name, **options):
        super().__init_subclass__(**options)
        Base.made.append((name, cls.__name__))
class Preprocess(Base, name="mine"):"""
META = """
class Meta(type):
    made = []
    def __new__(meta, name, bases, namespace, *, final):
        Meta.made.append(name)
        return super().__new__(meta, name, bases, namespace)
    def __init__(cls, name, bases, namespace, *, final):
        super().__init__(name, bases, namespace)
class Preprocess(metaclass=Meta, final=True):"""
SINGLETON = """
class Single(type):
    found = {}
    def __call__(cls):
        if cls not in Single.found:
            Single.found[cls] = super().__call__()
        return Single.found[cls]
class Preprocess(metaclass=Single):"""
FROZEN = """
from dataclasses import dataclass, fields
@dataclass(frozen=True%s)
class Preprocess:
    scale: float = 1.5"""
REFUSES = """
    def __setattr__(self, name, value):
        raise AttributeError("frozen")
"""
PICKLED = """
import copy, pickle
class Preprocess:
    def __init__(self):
        self.x = 7
    def again(self, protocol):
        back = pickle.loads(pickle.dumps(self, protocol))
        return type(back) is Preprocess and back.x == 7 and back.model_endpoint.version == "1"
"""
COPIES = "[self.again(p) for p in range(6)] + [copy.deepcopy(self).x, copy.copy(self).x]"
OTHER = """
class Other:
%s
class Preprocess:
    def __new__(cls):
        return Other()
""" % PROCESS.format(more="None")  # noqa: UP031
HIDDEN = "class Hidden:" + PROCESS.format(more="None")
CALLED = f"{HIDDEN}\nclass Maker:\n    def __call__(self):\n        return Hidden()\n"
NAMES = """
import inspect, sys
class Preprocess:
    "What it is."
    kind: int = 1
    def see(self):
        kind = type(self)
        return [kind.__name__, kind.__qualname__, kind.__module__ == __name__, kind.__doc__,
            isinstance(self, Preprocess), issubclass(kind, Preprocess),
            inspect.getsource(kind) == inspect.getsource(Preprocess), list(vars(self)),
            "send_request" in vars(Preprocess), self.__annotations__ == {"kind": int},
            repr(self).startswith(f"<{__name__}.Preprocess object")]
"""
SEEN = ["Preprocess", "Preprocess", True, "What it is.", True, True, True, ["model_endpoint"],
    False, True, True]  # fmt: skip
OWN_PROPERTY = """
    @property
    def model_endpoint(self):
        from types import SimpleNamespace
        return SimpleNamespace(version="own")
"""
STUB = "    def send_request(self, endpoint, version=None, data=None):\n        pass\n"
OURS = "send_request"

CLASSES: dict[str, tuple[str, Any]] = {
    "plain": (write(PLAIN, "self.at_init", AT_INIT), ["1", OURS, OURS]),
    "stub of the template": (write(PLAIN, "self.at_init", AT_INIT + STUB), ["1", OURS, OURS]),
    "async": (
        write(PLAIN, "await self.send_request('no name!')", AT_INIT).replace(
            "def pro", "async def pro"
        ),
        ["1", "send_request_async", None],
    ),
    "super": (
        write(
            "class Base:\n    def __init__(self):\n        self.x = 3\n"
            "class Preprocess(Base):\n    def __init__(self):\n        super().__init__()",
            "self.x",
        ),
        ["1", OURS, 3],
    ),
    "own send_request": (
        write(PLAIN, body="    def __init__(self):\n        self.send_request = len\n"),
        ["1", "len", None],
    ),
    "property send_request": (write(PLAIN, body=f"    @property\n{STUB}"), ["1", OURS, None]),
    "property model_endpoint": (write(PLAIN, body=OWN_PROPERTY), ["own", OURS, None]),
    "property with setter": (
        write(
            PLAIN,
            "'model_endpoint' in vars(self)",
            OWN_PROPERTY.replace('SimpleNamespace(version="own")', "self.kept")
            + "    @model_endpoint.setter\n    def model_endpoint(self, value):\n"
            "        self.kept = value\n",
        ),
        ["1", OURS, False],
    ),
    "slots": (
        write(PLAIN, "self.at_init", "    __slots__ = ('at_init',)\n" + AT_INIT),
        ["1", OURS, OURS],
    ),
    "slots of ours": (
        write(PLAIN, body="    __slots__ = ('send_request', 'model_endpoint')\n"),
        ["1", OURS, None],
    ),
    "frozen dataclass": (write(FROZEN % "", "self.scale"), ["1", OURS, 1.5]),
    "frozen with slots": (write(FROZEN % ", slots=True", "len(fields(self))"), ["1", OURS, 1]),
    "named tuple": (
        write(
            "from typing import NamedTuple\nclass Preprocess(NamedTuple):\n    a: int = 2", "self.a"
        ),
        ["1", OURS, 2],
    ),
    "pydantic": (
        write(
            "from pydantic import BaseModel\nclass Preprocess(BaseModel):\n    a: int = 2", "self.a"
        ),
        ["1", OURS, 2],
    ),
    "refuses attributes": (write(PLAIN, body=REFUSES), ["1", OURS, None]),
    "any attribute": (
        write(
            PLAIN,
            "self.load.nothing",
            "    load = unload = preprocess = postprocess = None\n"
            "    def __getattr__(self, name):\n        return lambda *_: name\n",
        ).replace("self.load.nothing", "self.absent()"),
        ["1", OURS, "absent"],
    ),
    "registry": (write(REGISTRY, "self.made"), ["1", OURS, [["mine", "Preprocess"]]]),
    "metaclass with arguments": (write(META, "Meta.made"), ["1", OURS, ["Preprocess"]]),
    "singleton metaclass": (write(SINGLETON, "len(Single.found)"), ["1", OURS, 1]),
    "abstract base": (
        write(
            "import abc\nclass Base(abc.ABC):\n    @abc.abstractmethod\n"
            "    def process(self): ...\n"
            "class Preprocess(Base):",
            "isinstance(self, Base)",
        ),
        ["1", OURS, True],
    ),
    "final": (write("from typing import final\n@final\nclass Preprocess:"), ["1", OURS, None]),
    "generic": (write("class Preprocess[T]:"), ["1", OURS, None]),
    "makes another": (OTHER, ["1", OURS, None]),
    "factory": (f"{HIDDEN}\ndef Preprocess():\n    return Hidden()\n", ["1", OURS, None]),
    "callable": (f"{CALLED}Preprocess = Maker()\n", ["1", OURS, None]),
    "partial": (
        f"{HIDDEN}\nimport functools\nPreprocess = functools.partial(Hidden)\n",
        ["1", OURS, None],
    ),
    "pickles": (write(PICKLED, COPIES), ["1", OURS, [True] * 6 + [7, 7]]),
    "own reduce": (
        write(
            PLAIN,
            "type(pickle.loads(pickle.dumps(self))) is Preprocess",
            "    def __reduce__(self):\n        return Preprocess, ()\n",
        ).replace("class", "import pickle\nclass", 1),
        ["1", OURS, True],
    ),
    "names": (write(NAMES, "self.see()"), ["1", OURS, SEEN]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], name: str
) -> None:
    code, expected = CLASSES[name]
    toml = TOML.replace("custom", "custom_async") if name == "async" else TOML
    assert start_handler(make_folder(toml, code))({}) == expected


REFUSED = {
    "nothing": ("Postprocess = 1", "expected a class named 'Preprocess', found none"),
    "no class": (
        "Preprocess = {}",
        "expected a class named 'Preprocess', found an instance of dict",
    ),
    "abstract": (
        "import abc\nclass Preprocess(abc.ABC):\n    @abc.abstractmethod\n"
        "    def process(self): ...",
        "TypeError in __init__",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_instance_is_told(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler], name: str
) -> None:
    code, expected = REFUSED[name]
    with pytest.raises(Exception, match=expected) as raised:
        start_handler(make_folder(TOML, code))({})
    assert type(raised.value).__name__ == "UserCodeLoadError"


def test_an_instance_without_room_serves_all_the_same(
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:
    code = (
        "class Hidden:\n    __slots__ = ()\n    def process(self, *_):\n        return 5\n"
        "def Preprocess():\n    return Hidden()\n"
    )
    assert start_handler(make_folder(TOML, code))({}) == 5
    told = [record.getMessage() for record in caplog.records]
    assert [line.rpartition("no ")[2] for line in told] == [
        "send_request on it",
        "model_endpoint on it",
    ]

"""Sentences about known causes of errors, for the caller. Imported when something failed.

An error's own text may contain a path or a secret, and is logged only. These sentences contain
nothing but names of modules, classes and packages, and numbers.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from lambda_serving.settings.runtime import read_runtime
from lambda_serving.user_code.libraries import describe_missing

FORM = "application/x-www-form-urlencoded"

MOST_PARSED = 100_000
"""Bytes of a body that is parsed only to tell what it is."""


def describe_cause(error: BaseException) -> str:
    """What is known of an error's cause, to end a text with; "" for any other error."""
    try:
        sentences = (row(each) for each in walk_chain(error) for row in CAUSES)
        found = next(filter(None, sentences), "")
    except BaseException:  # noqa: BLE001  (a user's own exception: its __str__ may raise anything)
        return ""
    return found and f"; {found}"


def walk_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, each once."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        yield each
        seen.add(id(each))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def find_lost_class(error: BaseException) -> str:
    """What a pickle names and its module does not have."""
    text = str(error)
    found = re.match(r"Can't get attribute '(?P<name>[\w.]+)' on <module '(?P<of>[\w.]+)'", text)
    if not found and find_place(error) == "pickle":  # of the protocols before 4
        found = re.match(r"module '(?P<of>[\w.]+)' has no attribute '(?P<name>\w+)'", text)
    if not isinstance(error, AttributeError) or not found:
        return ""
    name, module = found["name"], found["of"]
    if module in ("__main__", "__mp_main__"):
        return (
            f"the pickle was made by a script or notebook that defined {name!r} itself: define it"
            " in a module beside preprocess.py, import it from there where the model is saved,"
            " and save it anew"
        )
    package = module.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    if version is None:
        return f"the pickle needs {name!r} of the module {module!r}, which has none"
    return (
        f"the pickle needs {module}.{name}, which {package} {version} does not have: it was saved"
        f" by another version of {package}"
    )


def find_place(error: BaseException) -> str:
    """The module that raised an error."""
    frame = find_frame(error)
    return "" if frame is None else str(frame.f_globals.get("__name__"))


def find_frame(error: BaseException) -> FrameType | None:
    """The frame that raised an error."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1] if frames else None


def find_no_room(error: BaseException) -> str:
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    return f"there is no room left on the disk: {describe_room()}"


def describe_room(needed: int | None = None) -> str:
    """Bytes of /tmp that are needed and free, and how there are more."""
    place = read_runtime().scratch
    free = shutil.disk_usage(place if place.exists() else "/tmp").free
    wanted = "" if needed is None else f"{needed} bytes are needed, "
    return f"{wanted}{free} bytes are free in /tmp; a larger EphemeralStorage of the function helps"


def find_no_memory(error: BaseException) -> str:
    if not isinstance(error, MemoryError):
        return ""
    size = re.match(r"Unable to allocate [\d.]+ \w+", str(error))  # of NumPy
    has = f"the function has {read_runtime().memory_mb} MB: "
    return (
        f"out of memory{f' ({size[0].lower()})' if size else ''}; {has}a larger MemorySize of the"
        " function helps"
    )


def find_broken_pickle(error: BaseException) -> str:
    """What joblib and pickle raise on the way through what is no pickle, or not all of one."""
    is_inside = find_place(error) == "pickle" and isinstance(
        error, KeyError | IndexError | EOFError
    )
    if is_inside or type(error).__name__ == "UnpicklingError":
        return "the file is no pickle, or is cut short"
    return ""


TEXTS: tuple[tuple[str, str], ...] = (
    # joblib
    (
        r"LZ4 is not installed",
        "the file is compressed by LZ4: list lz4 in the endpoint's requirements.txt, or save the"
        " model by another compressor",
    ),
    (r"unsupported pickle protocol: (\d+)", "the pickle has protocol {0}, of a newer Python"),
    # scikit-learn
    (
        r"node array from the pickle has an incompatible dtype",
        "its trees were saved by another version of scikit-learn",
    ),
    (r"(This \w+ instance is not fitted yet)", "{0}"),
    # onnxruntime
    (
        r"Unsupported model IR version: (\d+), max supported IR version: (\d+)",
        "the model has ONNX's IR version {0}, this onnxruntime takes {1} at most: save it with an"
        " older ir_version",
    ),
    (
        r"Opset (\d+) is under development.*till opset (\d+)",
        "the model has the opset {0}, this onnxruntime takes {1} at most: export it with an"
        " older opset",
    ),
    (
        r"Opset (\d+) is under development",
        "the model has the opset {0}, which this onnxruntime does not know: export it with an"
        " older opset",
    ),
    (
        r"External data path|[Ee]xternal data file|GetFileLength",
        "its weights lie in files beside it (external data), and those are not there: give the"
        " model as a prefix/ that holds all of them",
    ),
    (
        r"Fatal error: ([\w.]+:\w+)\(-?\d+\) is not a registered function/op",
        "this onnxruntime does not have the operator {0}",
    ),
    (
        r"No Op registered for (\w+) with domain_version of (\d+)",
        "this onnxruntime does not have the operator {0} of the opset {1}",
    ),
    (
        r"[Pp]rotobuf parsing failed|No graph was found",
        "the file is no ONNX model, or is cut short",
    ),
    # XGBoost, LightGBM
    (r"Invalid model format. Expecting UBJSON", "the file is no model of XGBoost"),
    (
        r"Model file doesn't specify|Unknown model format",
        "the file is no model of LightGBM in its text format",
    ),
)
"""Of libraries: what their errors' text holds, and the sentence, with the groups of it."""


def find_text(error: BaseException) -> str:
    text = str(error)
    for pattern, sentence in TEXTS:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return sentence.format(*found.groups())
    return ""


def find_note(error: BaseException) -> str:
    """What an engine adds."""
    notes = getattr(error, "__notes__", ())
    return next((note for note in notes if note.startswith("the model; it was saved by")), "")


CAUSES: tuple[Callable[[BaseException], str], ...] = (
    describe_missing,
    find_lost_class,
    find_no_room,
    find_no_memory,
    find_broken_pickle,
    find_text,
    find_note,
)
"""Each gives a sentence about the errors it knows, and "" for any other."""


def describe_input(error: BaseException, data: Any, content_type: str | None, is_http: bool) -> str:
    """What the body has to do with an error of the first method that gets it."""
    if isinstance(data, bytes) and content_type and _is_form_of_json(data, content_type):
        return (
            f"; the body is a JSON object that was sent as {FORM}, so that it came as bytes:"
            " send it with -H 'content-type: application/json'"
        )
    if isinstance(data, bytes) and isinstance(error, TypeError | AttributeError):
        return _describe_bytes(error, content_type, is_http)
    if isinstance(data, dict) and type(error) is KeyError and len(error.args) == 1:
        return _describe_key(error, data)
    return ""


def _is_form_of_json(data: bytes, content_type: str) -> bool:
    """Whether it is JSON with the content type that `curl -d` sends unless told otherwise."""
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    if not is_form or len(data) > MOST_PARSED or not data.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


def _describe_bytes(error: BaseException, content_type: str | None, is_http: bool) -> str:
    if "byte" not in str(error):
        return ""
    why = "its content type is none of JSON"
    if is_http:
        why = (
            f"its content type is {content_type[:80]!r}"
            if content_type
            else "it has no content type"
        )
    return f"; the body came as bytes, since {why}: application/json makes it a dict"


def _describe_key(error: KeyError, data: dict[Any, Any]) -> str:
    """A key that stands in the code as it is, and not in the body."""
    key, frame = error.args[0], find_frame(error)
    is_literal = frame is not None and key in frame.f_code.co_consts
    if not isinstance(key, str) or not is_literal or key in data:
        return ""
    return f"; the body has no key {key!r}"

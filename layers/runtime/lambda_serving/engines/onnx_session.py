"""onnxruntime sessions: their options on Lambda, their inputs and outputs.

No other module imports onnxruntime.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

# onnxruntime reads this at import; its newer wheels send telemetry without it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort  # noqa: E402
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument  # noqa: E402

from lambda_serving.engines.base import refuse_model, refuse_unknown_options  # noqa: E402
from lambda_serving.engines.tensors import NUMPY_TYPES, TensorSpec  # noqa: E402
from lambda_serving.errors import SettingsError  # noqa: E402
from lambda_serving.settings.endpoint import Tensors, VersionSettings  # noqa: E402

REFUSALS = (InvalidArgument, Fail)
"""What a session raises where tensors do not fit the graph, at its inputs or at a node."""

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h."""

LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
MODES = {
    "sequential": ort.ExecutionMode.ORT_SEQUENTIAL,
    "parallel": ort.ExecutionMode.ORT_PARALLEL,
}


def open_session(source: str | bytes, settings: VersionSettings, vcpus: int) -> Any:
    """An ``InferenceSession`` on a model's bytes or path.

    Raises:
        ModelLoadError: onnxruntime refuses the model.
        SettingsError: as ``make_options``.
    """
    options = make_options(settings, vcpus)
    try:
        with nullcontext() if isinstance(source, bytes) else return_freed_memory():
            return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's error classes share no base but this one
        told = f"onnxruntime cannot load the model ({type(error).__name__})"
        raise refuse_model(told, error) from error


@contextmanager
def return_freed_memory() -> Iterator[None]:
    """Give blocks of a megabyte back to the system as soon as they are freed: of a big model.

    onnxruntime frees weights one by one as it packs them for its kernels. glibc would keep them
    for later, and both would stay in memory: it raises the size from which a block is returned to
    that of any block that was (mallopt(3), M_MMAP_THRESHOLD). Afterwards it is what glibc raises it
    to at most, so that requests use again what others freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc: a developer's Mac
        yield
        return
    mallopt(MMAP_THRESHOLD, 2**20)
    try:
        yield
    finally:
        mallopt(MMAP_THRESHOLD, 2**25)
        mallopt(TRIM_THRESHOLD, 2**26)


def make_options(settings: VersionSettings, vcpus: int) -> Any:
    """Session options: Lambda's defaults, then ``[engine_options]`` over them.

    Raises:
        SettingsError: names the option, what it takes and what came.
    """
    refuse_unknown_options(settings, OPTIONS)
    options = ort.SessionOptions()
    # The default pins a thread to each core it sees, which Lambda's sandbox refuses.
    options.intra_op_num_threads = vcpus
    options.inter_op_num_threads = 1
    for name, value in settings.engine_options.items():
        set_option, expected = OPTIONS[name]
        try:
            set_option(options, name, value)
        except (KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"endpoint.toml: engine_options.{name}: expected {expected}, got {value!r}"
            ) from error
    return options


def _set_of(kind: type) -> Callable[[Any, str, Any], None]:
    def set_option(options: Any, name: str, value: Any) -> None:
        if type(value) is not kind:  # true is an int, too
            raise TypeError(value)
        setattr(options, name, value)

    return set_option


def _set_level(options: Any, name: str, value: Any) -> None:
    options.graph_optimization_level = LEVELS[value]


def _set_mode(options: Any, name: str, value: Any) -> None:
    options.execution_mode = MODES[value]


def _set_entries(options: Any, name: str, value: Mapping[str, Any]) -> None:
    for key, entry in value.items():
        # TOML's true is "1" to onnxruntime.
        options.add_session_config_entry(key, str(int(entry) if isinstance(entry, bool) else entry))


def _set_dimensions(options: Any, name: str, value: Mapping[str, int]) -> None:
    for key, length in value.items():
        options.add_free_dimension_override_by_name(key, length)


def _set_denotations(options: Any, name: str, value: Mapping[str, int]) -> None:
    for key, length in value.items():
        options.add_free_dimension_override_by_denotation(key, length)


NUMBERS = ("intra_op_num_threads", "inter_op_num_threads", "log_severity_level")
FLAGS = (
    "enable_cpu_mem_arena",
    "enable_mem_pattern",
    "enable_mem_reuse",
    "use_deterministic_compute",
)
OPTIONS: Mapping[str, tuple[Callable[[Any, str, Any], None], str]] = {
    **dict.fromkeys(NUMBERS, (_set_of(int), "a number")),
    **dict.fromkeys(FLAGS, (_set_of(bool), "a flag")),
    "graph_optimization_level": (_set_level, f"one of {', '.join(LEVELS)}"),
    "execution_mode": (_set_mode, f"one of {', '.join(MODES)}"),
    "config": (_set_entries, "a table of session config entries"),
    "dimensions": (_set_dimensions, "a table of lengths by dimension name"),
    "denotations": (_set_denotations, "a table of lengths by dimension denotation"),
}
"""Options of onnxruntime's SessionOptions: who sets them, and what they take."""


def read_specs(nodes: Any, declared: Tensors, side: str) -> tuple[TensorSpec, ...]:
    """The tensors of a session, in the declared order where names are declared.

    Raises:
        SettingsError: a declared name or type is not the model's.
    """
    own = {node.name: make_spec(node) for node in nodes}
    unknown = [name for name in declared.name if name not in own]
    # Outputs may be chosen; of the inputs a session needs each.
    if unknown or (side == "input" and declared.name and sorted(declared.name) != sorted(own)):
        raise SettingsError(
            f"endpoint.toml: {side}.name: the model has {list(own)},"
            f" not {unknown or list(declared.name)}"
        )
    specs = tuple(own[name] for name in declared.name) or tuple(own.values())
    for spec, type_name in zip(specs, declared.type, strict=False):
        if spec.type not in (type_name, NUMPY_TYPES.get(type_name)):
            raise SettingsError(
                f"endpoint.toml: {side}.type: {spec.name!r} is {spec.type} in the model,"
                f" not {type_name}"
            )
    for spec, size in zip(specs, declared.size, strict=False):
        # ClearML users may leave out the dimension of the batch.
        own_size = spec.shape[len(spec.shape) - len(size) :] if size else spec.shape
        if len(size) > len(spec.shape) or any(
            -1 not in pair and pair[0] != pair[1] for pair in zip(size, own_size, strict=True)
        ):
            raise SettingsError(
                f"endpoint.toml: {side}.size: {spec.name!r} is {list(spec.shape)} in the model,"
                f" not {list(size)}"
            )
    return specs


def make_spec(node: Any) -> TensorSpec:
    """onnxruntime's NodeArg: symbolic and unknown lengths become -1."""
    element = node.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(length if isinstance(length, int) else -1 for length in node.shape or ())
    return TensorSpec(node.name, NUMPY_TYPES.get(element, node.type), shape)

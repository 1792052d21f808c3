"""What a framework's module gives: the original model, read, asked and converted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_serving_cli.terminal.errors import CommandError

if TYPE_CHECKING:
    import numpy as np
    import onnx

type Array = np.ndarray[Any, Any]

type Arrays = Mapping[str, Array]
"""By the name of a graph's input or output; the first axis is the rows."""

INPUT = "input"
"""Name of the one input of a model that takes rows of numbers, [rows, features]."""


class ConversionError(CommandError):
    """The model cannot be converted, or what came of it answers otherwise."""


@dataclass(frozen=True)
class Features:
    """What a row is made of. `names` is empty where the model does not know them.

    By column, each feature is an input of its own, [rows, 1], of numbers or strings.
    """

    count: int
    names: tuple[str, ...] = ()
    by_column: bool = False

    def __str__(self) -> str:
        return f"{self.count} features" + (f" ({', '.join(self.names)})" if self.names else "")


@dataclass
class Hints:
    """What is known of one feature: values that tell it apart, and whether it has only such.

    Those in `exact` are float32 in the original too. `categories` are those of the original's own
    encoder or trees; one that is none of them is tried where `takes_unknown`.
    """

    values: list[float] = field(default_factory=list)
    exact: list[float] = field(default_factory=list)
    is_category: bool = False
    categories: list[Any] = field(default_factory=list)
    takes_unknown: bool = False


type Attempt = Callable[[], onnx.ModelProto]
"""One way to convert; may raise anything."""


class Original:
    """A model in its own library, which a framework's module derives from this."""

    library: str
    """Its name, for a person."""
    packages: tuple[str, ...]
    """Those whose versions made the model what it is."""
    answer_name = ""
    """Of several outputs the one that the framework's own engine gives."""
    features: Features | None = None
    """None where the inputs are tensors of any shape."""
    inputs: tuple[str, ...] = ()
    """The names of the inputs where they are tensors."""

    def __init__(self, path: Path) -> None:
        """Read the model. May raise anything that the library raises.

        Raises:
            ConversionError: it is not one of this framework, or of no use here.
        """

    def read_hints(self) -> Mapping[int, Hints]:
        """What the model itself knows of its features, which the graph may have lost."""
        return {}

    def list_attempts(self, feeds: Arrays | None) -> Iterator[Attempt]:
        """Ways to convert, the cheapest graph first; `feeds` are the sample, if there is one."""
        raise NotImplementedError

    def answer(self, feeds: Arrays, outputs: Collection[str]) -> Arrays:
        """What this model answers, by those names of the graph's outputs that it has.

        May raise anything that the library raises.
        """
        raise NotImplementedError

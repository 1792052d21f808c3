"""Options of ClearML's command line, which Typer does not have by itself."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from typer.core import TyperCommand


class Repeating(TyperCommand):
    """A command whose options for several values take them one after another, too.

    `--weights 0.1 0.9` is `--weights 0.1 --weights 0.9`, as in ClearML's own command line.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        several = {
            name
            for parameter in self.params
            if getattr(parameter, "multiple", False)
            for name in parameter.opts
        }
        return super().parse_args(ctx, list(spread(args, several)))


def spread(arguments: Sequence[str], several: Collection[str]) -> Iterator[str]:
    """Write the name of an option of `several` before each of its values."""
    current, has_value = "", False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if name in several:
            current, has_value = name, bool(equals)
        elif current and not re.match(r"-(?![\d.])", argument):
            if has_value:
                yield current
            has_value = True
        else:
            current = ""
        yield argument


def split_commas(values: Sequence[str] | None) -> list[str]:
    """`["a,b", "c"]` -> `["a", "b", "c"]`."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return [part for part in parts if part]

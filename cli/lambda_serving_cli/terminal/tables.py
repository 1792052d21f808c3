"""Tables: ruled on a terminal, plain columns elsewhere, and never with a broken word."""

import sys
from collections.abc import Sequence

from lambda_serving_cli.terminal.controls import escape_controls
from lambda_serving_cli.terminal.output import make_console, write_fields

GAP = 3
"""Columns between two columns of a table on a terminal."""

SHORT = 14
"""A cell of at most so many characters, such as "1.2 MB", stays in one line."""

Cell = str | Sequence[str]
"""A text, or several: one below the other on a terminal, else with semicolons between them."""


def write_table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], numbers: int = 0) -> None:
    """Rows of text under their heads; the last `numbers` columns are aligned at the right.

    A terminal that is too narrow for the longest word of each column gets a list of fields for
    each row instead.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    console, heads = make_console(sys.stdout), _join(heads, "")
    texts = [_join(row, "\n" if console.is_terminal else "; ") for row in rows]
    widths = fit_widths(heads, texts, console.width - GAP * (len(heads) - 1))
    if widths is None:
        for first, *others in (_join(row, "; ") for row in rows):
            console.print(f"{heads[0]} {first}", style="bold", soft_wrap=True)
            write_fields(zip(heads[1:], others, strict=True), console)
        return
    box = SIMPLE_HEAD if console.is_terminal else None
    table = Table(box=box, pad_edge=False, show_edge=False, header_style="bold")
    for index, (head, width) in enumerate(zip(heads, widths, strict=True)):
        is_number = index >= len(heads) - numbers
        table.add_column(head, width=width, justify="right" if is_number else "left")
    for row in texts:
        table.add_row(*map(Text, row))
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), soft_wrap=True)


def _join(row: Sequence[Cell], between: str) -> list[str]:
    texts = (cell if isinstance(cell, str) else between.join(cell) for cell in row)
    return [escape_controls(text) for text in texts]


def fit_widths(heads: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths of columns that fit into `room`: heads are wrapped first, then what is below them.

    None where a word would have to be broken.
    """
    from rich.cells import cell_len

    widths, leasts = [], []
    for head, *cells in zip(heads, *rows, strict=True):
        lines = [line for cell in cells for line in cell.split("\n")]
        length = max(map(cell_len, lines))
        word = max(cell_len(word) for line in lines for word in [*line.split(), ""])
        head_word = max(map(cell_len, head.split()))
        widths.append(max(cell_len(head), length))
        wrapped = length if length <= SHORT else word
        leasts.append((max(head_word, length), max(head_word, wrapped)))
    for least in zip(*leasts, strict=True):
        while sum(widths) > room:
            wide = [index for index, width in enumerate(widths) if width > least[index]]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths if sum(widths) <= room else None

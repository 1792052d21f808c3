"""Text of others, such as an answer, a path or a line of a log, as a terminal can be given it.

A terminal obeys control characters: they move its cursor, retitle its window, answer in the user's
name. Those that change the direction of writing make a line read as another one.
"""

from __future__ import annotations

import re

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""C0 without tab and line feed, DEL, C1, line separators, and Unicode's direction marks."""


def escape_controls(text: str) -> str:
    """The text with such characters written out, as `\\x1b`. Lines and tabs stay."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escape_line(text: str) -> str:
    """The same of what is a part of a line: nothing in it begins another one."""
    return escape_controls(text).replace("\n", "\\n").replace("\t", "\\t")


def escape_json(text: str) -> str:
    """The same of JSON, which stays the same JSON. `json.dumps` writes out C0 alone."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

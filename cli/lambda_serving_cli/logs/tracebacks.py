"""A traceback of a log line as it helps: once, and from the user's own code on."""

from __future__ import annotations

import re

CAUSE = "\n\nThe above exception was the direct cause of the following exception:\n\n"
HEAD = "Traceback (most recent call last):\n"
OURS = re.compile(r'  File "[^"\n]*/lambda_serving/|  File "<frozen importlib')
WRAPPER = re.compile(r"lambda_serving\.errors\.\w+")


def shorten_traceback(text: str) -> str:
    """The traceback without this project's frames before the user's, and without the error that
    this project makes of the user's: its text is in the line itself."""
    parts = text.rstrip().split(CAUSE)
    if len(parts) > 1 and WRAPPER.match(_split(parts[-1])[2]):
        parts.pop()
    return CAUSE.join(map(_skip_ours, parts))


def _skip_ours(part: str) -> str:
    """One exception's traceback from the first frame on that is not ours; whole without one."""
    before, frames, error = _split(part)
    own = next((n for n, frame in enumerate(frames) if not OURS.match(frame)), 0)
    return f"{before}{''.join(frames[own:])}{error}"


def _split(part: str) -> tuple[str, list[str], str]:
    """What stands before the frames, each frame with its lines, and the error after them.

    There are no frames where it is formatted otherwise, as that of a group is.
    """
    before, head, rest = part.rpartition(HEAD)
    frames: list[str] = []
    lines = rest.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith("  File "):
            frames.append(line)
        elif frames and line.startswith("  "):
            frames[-1] += line
        else:
            return before + head, frames, "".join(lines[number:])
    return before + head, frames, ""

"""The code that a new endpoint begins with: its `preprocess.py`, and a test of that."""

from pathlib import Path

FOLDER = Path(__file__).parent / "starters"
FAMILIES = {"triton": "onnx"}
"""Engines whose code is that of another one."""

MARK = "ENDPOINT"
"""Stands for the endpoint's name in the files beside this one."""


def write_starter(kind: str, endpoint: str, engine: str) -> str:
    """The `preprocess` of a new endpoint; or the `test` of that, which needs no model."""
    file = FOLDER / f"{kind}_{FAMILIES.get(engine, engine)}.in"
    return file.read_text(encoding="utf-8").replace(MARK, endpoint)

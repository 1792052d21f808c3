"""The code that a new endpoint begins with: its `preprocess.py`, and a test of that."""

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "starters"
FAMILIES = {"triton": "onnx"}
"""Engines whose code is that of another one."""

MARK = "ENDPOINT"
"""Stands for the endpoint's name in the files beside this one."""

SAMPLE = json.dumps({"x0": 1.0, "x1": 2.0}, indent=2) + "\n"
"""A request that the code of every engine takes."""


def write_starter(kind: str, endpoint: str, engine: str) -> str:
    """The `preprocess` of a new endpoint; or the `test` of that, which needs no model."""
    file = FOLDER / f"{kind}_{FAMILIES.get(engine, engine)}.in"
    return file.read_text(encoding="utf-8").replace(MARK, endpoint)

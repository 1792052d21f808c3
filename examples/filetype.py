"""The model of ``functions/filetype``: Google's magika, as it ships in the package from PyPI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import magika


def unpack_magika() -> dict[str, bytes]:
    """The graph, and what turns bytes into its input and its scores into a label.

    Graph: int32[-1, 2048], the first and the last 1,024 bytes of a file -> a score for each of
    214 labels, float32[-1, 214]. ``text_labels`` is the one thing needed of magika's 45 kB about
    kinds of files: what an unsure answer falls back on.
    """
    package = Path(magika.__file__).parent
    (folder,) = (package / "models").iterdir()
    config: dict[str, Any] = json.loads((folder / "config.min.json").read_text())
    kinds = json.loads((package / "config" / "content_types_kb.min.json").read_text())
    config["text_labels"] = sorted(name for name, kind in kinds.items() if kind["is_text"])
    return {
        "model.onnx": (folder / "model.onnx").read_bytes(),
        "config.json": json.dumps(config).encode(),
    }

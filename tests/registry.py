"""A model's registry in a folder that stands for a bucket, as docs/registry.md lays it out."""

import hashlib
import json
from pathlib import Path
from typing import Any


class Registry:
    """Publishes versions of one model, of one file each."""

    def __init__(self, bucket: Path, project: str = "examples", name: str = "adder") -> None:
        self._bucket = bucket
        self._root = f"registry/{project}/{name}"
        self.versions: dict[str, dict[str, Any]] = {}

    def publish(
        self, data: bytes, *, tags: tuple[str, ...] = (), published: bool = True,
        sample: Any = None, **wrong: Any,
    ) -> str:  # fmt: skip
        """Add the next version; ``wrong`` replaces what the index says of it."""
        version = str(len(self.versions) + 1)
        folder = self._bucket / self._root / version
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(data)
        entry: dict[str, Any] = {
            "model": f"{self._root}/{version}/model.onnx",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "framework": "onnx",
            "tags": list(tags),
            "published": published,
        }
        if sample is not None:
            (folder / "sample.json").write_text(json.dumps(sample))
            entry["sample"] = f"{self._root}/{version}/sample.json"
        self.versions[version] = entry | wrong
        self.write()
        return version

    def write(self) -> None:
        """Replace the index at once, as a PUT does."""
        index = self._bucket / self._root / "index.json"
        draft = index.with_suffix(".draft")
        draft.write_text(json.dumps({"schema": 1, "versions": self.versions}))
        draft.replace(index)

"""What a local cloud runs, remembered beside its state: it is never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.local_cloud.fingerprint import Fingerprint


@dataclass(frozen=True)
class Record:
    """What was deployed to one process of the emulator."""

    cloud: str
    """Which process, and with which parameters."""
    build: Fingerprint | None = None
    """What runs. None while that is not sure: a deploy began, and did not end."""
    direct: Mapping[str, str] = field(default_factory=dict)
    """Functions whose code was updated past the stack since its deploy: name -> version."""
    has_routes: bool = False
    """Whether the HTTP API got its routes after the stack's deploy."""
    answered: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> hash of its folder when it answered last, with its model."""

    def write(self, path: Path) -> None:
        """Write it, so that a reader finds the old one or the new one, whole."""
        write_atomically(path, json.dumps(asdict(self), indent=1) + "\n")

    def doubt(self, names: list[str]) -> Record:
        """The same, while the code of these functions is being updated."""
        assert self.build is not None
        unsure = self.build.functions | dict.fromkeys(names, "")
        return replace(self, build=Fingerprint(self.build.rest, unsure))


def read_record(path: Path, cloud: str) -> Record:
    """The record of this very cloud; an empty one where there is none."""
    try:
        data = json.loads(path.read_text())
        build = Fingerprint(**data.pop("build")) if data.get("build") else None
        record = Record(**{**data, "build": build})
    except (OSError, ValueError, TypeError, AttributeError):
        return Record(cloud)
    return record if record.cloud == cloud else Record(cloud)

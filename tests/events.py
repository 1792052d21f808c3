"""The event files in events/, which `sam local invoke` takes too."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parents[1] / "events"


def list_endpoints() -> list[str]:
    """The endpoints of functions/ that have sample requests; one that is just begun has none."""
    folders = EVENTS.parent.glob("functions/*/endpoint.toml")
    names = (path.parent.name for path in folders)
    return sorted(name for name in names if (EVENTS / f"http_{name}.json").exists())


def load_event(name: str) -> Any:
    """The event of events/<name>.json."""
    return json.loads((EVENTS / f"{name}.json").read_text())

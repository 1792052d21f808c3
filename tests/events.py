"""The event files in events/, which `sam local invoke` takes too."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parents[1] / "events"


def load_event(name: str) -> Any:
    """The event of events/<name>.json."""
    return json.loads((EVENTS / f"{name}.json").read_text())

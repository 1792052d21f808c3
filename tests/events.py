"""Events of every source: the files in events/, and the samples of the endpoints as events."""

import base64
import json
from pathlib import Path
from typing import Any

from lambda_serving.messages.sample import list_samples
from lambda_serving_cli.project.samples import make_payload, read_samples

EVENTS = Path(__file__).parents[1] / "events"
FUNCTIONS = EVENTS.parent / "functions"


def list_endpoints() -> list[str]:
    """The endpoints of functions/ that have a sample; one that is just begun may have none."""
    folders = (path.parent for path in FUNCTIONS.glob("*/endpoint.toml"))
    return sorted(folder.name for folder in folders if list_samples(folder))


def load_event(name: str) -> Any:
    """The event of events/<name>.json.

    `http_<endpoint>` and `invoke_<endpoint>` are the endpoint's first sample, by an HTTP API and by
    a direct invoke.
    """
    file = EVENTS / f"{name}.json"
    source, _, endpoint = name.partition("_")
    if file.exists() or not (FUNCTIONS / endpoint).is_dir():
        return json.loads(file.read_text())
    sample = read_samples(FUNCTIONS / endpoint)[0]
    if source == "invoke":
        return json.loads(make_payload(sample))
    event = json.loads((EVENTS / "http_post_json.json").read_text())
    path = f"/serve/{endpoint}"
    event |= {"rawPath": path, "routeKey": f"ANY {path}"}
    event["requestContext"] |= {"routeKey": f"ANY {path}"}
    event["requestContext"]["http"]["path"] = path
    event["headers"] |= {
        "content-type": sample.content_type,
        "content-length": str(len(sample.content)),
    }
    if sample.is_json:
        return event | {"body": sample.content.decode(), "isBase64Encoded": False}
    return event | {"body": base64.b64encode(sample.content).decode(), "isBase64Encoded": True}

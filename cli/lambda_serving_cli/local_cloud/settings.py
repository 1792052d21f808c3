"""What `down` keeps of a local cloud beside its models."""

import json
from dataclasses import asdict, dataclass

from lambda_serving_cli.files.content import write_atomically
from lambda_serving_cli.local_cloud.layout import Layout


@dataclass(frozen=True)
class Settings:
    """Where it answers, who may call, and the name of its bucket; "" or 0 before its first `up`."""

    host: str = ""
    port: int = 0
    auth: str = ""
    model_bucket: str = ""

    def write(self, layout: Layout) -> None:
        write_atomically(layout.settings_file, json.dumps(asdict(self), indent=2) + "\n")


def read_settings(layout: Layout) -> Settings:
    """Those of the last `up`."""
    try:
        return Settings(**json.loads(layout.settings_file.read_text()))
    except (OSError, ValueError, TypeError):
        return Settings()

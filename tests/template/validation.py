"""What SAM itself says of a template."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers.built import PROJECT


def validate(template: Path) -> subprocess.CompletedProcess[str]:
    """`sam validate --lint`: 0 where nothing is wrong."""
    sam = Path(sys.executable).with_name("sam")
    environment = dict(os.environ) | {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "SAM_CLI_TELEMETRY": "0",
    }
    return subprocess.run(
        [str(sam), "validate", "--lint", "--template", str(template)],
        cwd=PROJECT, env=environment, capture_output=True, text=True,
    )  # fmt: skip

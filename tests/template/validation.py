"""What SAM itself says of a template."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import forked

SAM = forked.Origin(
    (
        "cfnlint.api",
        "cfnlint.core",
        "samcli.cli.main",
        "samcli.commands.validate.validate",
        "samcli.lib.translate.sam_template_validator",
        "samtranslator.translator.translator",
    )
)


def validate(template: Path) -> subprocess.CompletedProcess[str]:
    """`sam validate --lint`: 0 where nothing is wrong."""
    sam = Path(sys.executable).with_name("sam")
    environment = dict(os.environ) | {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "SAM_CLI_TELEMETRY": "0",
    }
    return forked.run(
        [str(sam), "validate", "--lint", "--template", str(template)], origin=SAM,
        cwd=template.parent, env=environment, capture_output=True, text=True,
    )  # fmt: skip

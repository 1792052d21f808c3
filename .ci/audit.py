"""Known vulnerabilities of what the layers deploy, by pip-audit, whose Python runs this.

Ends with 1 where there are some. Where its service cannot be asked it says so and ends with 0.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
FILES = [*ROOT.glob("layers/*/requirements.txt"), ROOT / ".ci" / "tools" / "uv.txt"]
SECONDS = 120


def main() -> None:
    pins = {pin for file in FILES for pin in re.findall(r"^[\w.-]+==\S+", file.read_text(), re.M)}
    with TemporaryDirectory() as folder:
        merged = Path(folder, "requirements.txt")
        merged.write_text("\n".join(sorted(pins)))
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--disable-pip",
            "--no-deps",
            "--timeout",
            "5",
        ]
        command += ["--progress-spinner", "off", "--format", "json", "--requirement", str(merged)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, check=False
            )
            found = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError):
            found = []
    asked = [each for each in found if "skip_reason" not in each]
    if not asked:
        sys.stdout.write("pip-audit: its service cannot be reached, nothing was looked up\n")
        return
    weak = [each for each in asked if each["vulns"]]
    for each in weak:
        for vulnerability in each["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            line = f"{each['name']} {each['version']}: {vulnerability['id']}, mended by {fixed}"
            sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"pip-audit: {len(asked)} of {len(pins)} packages looked up, {len(weak)} weak\n"
    )
    sys.exit(bool(weak))


if __name__ == "__main__":
    main()

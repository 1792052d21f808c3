"""A short soak as `make soak` runs it."""

import subprocess
import sys

from tests.conftest import PROJECT


def test_a_short_soak() -> None:
    """Every answer is right, and neither memory nor open files nor threads grow."""
    command = [sys.executable, "-m", "tests.soak", "--requests", "1400"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1632 requests, every answer checked" in done.stdout

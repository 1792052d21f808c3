"""The hooks of .pre-commit-config.yaml run what `make lint` runs."""

import subprocess

import yaml

from tests.conftest import PROJECT


def list_checks(*command: str) -> list[str]:
    """What `make` would run, but for the installation before it."""
    done = subprocess.run(
        [*command, "--dry-run"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if " run " in line]


def test_hooks_run_what_make_lint_runs() -> None:
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
    (local,) = config["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    entries = [hook["entry"].split() for hook in local["hooks"]]
    lint = list_checks("make", "lint")
    assert len(lint) == 3
    assert [check for entry in entries for check in list_checks(*entry)] == lint

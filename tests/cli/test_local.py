"""`local up` and `dev`, as far as they go without a cloud: options that cannot be followed."""

import fcntl
from pathlib import Path

import pytest

from tests.cli.conftest import Copy


@pytest.mark.parametrize("command", [("local", "up"), ("dev",)])
@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_there_is_not(project: Copy, command: tuple[str, ...], port: str) -> None:
    told = project.refuse(2, *command, "--port", port)
    assert "Invalid value for '--port'" in told and "or equal to" in told


def test_a_local_cloud_takes_no_free_port(project: Copy) -> None:
    """0 is what other commands take one by; here the next `make up` must find the same."""
    told = project.refuse(2, "local", "up", "--port", "0")
    assert "Invalid value for '--port'" in told and "or equal to 1" in told


def test_one_up_at_a_time(project: Copy, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with (state / "up.lock").open("w") as held:
        held.write("4711")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        told = project.refuse(1, "local", "up", "--state", str(state))
    assert "another `make up` is running here (pid 4711)" in told
    assert [path.name for path in state.iterdir()] == ["up.lock"]

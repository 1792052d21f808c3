"""`local up` and `dev`, as far as they go without a cloud: options that cannot be followed."""

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

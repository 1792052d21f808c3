"""The end of the tests' local cloud: this is the last file of the folder, since the stack goes."""

import socket

from tests.servers.built import STATE
from tests.stack.conftest import Stack, bring_down, list_processes


def test_down_leaves_no_process(stack: Stack) -> None:
    assert list_processes(str(STATE))
    down = bring_down()
    assert down.returncode == 0, down.stdout
    assert list_processes(str(STATE)) == {}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", stack.port)) != 0

"""Faults that take a process."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.row import Row
from tests.servers.endpoint_process import EndpointProcess

TOML = 'endpoint = "e"\nengine = "custom"\n'
CODE = """
from pathlib import Path

class Preprocess:
    def process(self, data, state, collect):
        return data

    def unload(self):
        Path(__file__).with_name("notes.txt").write_text("unloaded")
        raise OSError("the connection is gone")
"""


@pytest.mark.fault(
    "SIGTERM",
    "Lambda ends an environment whose unload raises",
    "200: what was asked before is answered",
    "OSError: the connection is gone",
    "unload has run, and the process ends by the signal",
)
def test_sigterm(fault: Row, make_folder: Callable[..., Path]) -> None:
    folder = make_folder(TOML, CODE)
    with EndpointProcess(folder) as process:
        assert process({"a": 1}) == {"a": 1} and fault.client.startswith("200")
        assert process.end(signal.SIGTERM) == -signal.SIGTERM
        assert (folder / "notes.txt").read_text() == "unloaded"
        assert fault.log in process.read_log()

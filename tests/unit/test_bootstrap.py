"""What a cold start sets up; what it loads and how that fails is in functional and contract."""

import signal
from threading import Thread
from typing import Any, cast

import pytest

from lambda_serving.environment.bootstrap import Environment, close_at_shutdown
from lambda_serving.memory import read_resident_memory


class Closing:
    """Stands for an environment; counts how often it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_resident_memory_is_in_bytes() -> None:
    before = read_resident_memory()
    ballast = bytearray(b"x") * 300_000_000
    assert 200_000_000 < read_resident_memory() - before < 400_000_000
    del ballast


def test_sigterm_closes_and_then_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal is raised again under its default action; here it is only noted."""
    environment, raised = Closing(), []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    before = signal.getsignal(signal.SIGTERM)
    try:
        close_at_shutdown(cast(Environment, environment))
        handler = cast(Any, signal.getsignal(signal.SIGTERM))
        handler(signal.SIGTERM, None)
        assert (environment.closed, raised) == (1, [signal.SIGTERM])
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_sets_no_signal() -> None:
    """Python allows signal handlers in the main thread alone."""
    before = signal.getsignal(signal.SIGTERM)
    thread = Thread(target=close_at_shutdown, args=(cast(Environment, Closing()),))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before

"""The root logger's handlers; test_logs.py of the functional tests has the lines themselves."""

import logging
import subprocess
import sys
from copy import replace

import pytest

from lambda_serving.settings.runtime import read_runtime
from lambda_serving.telemetry.logs import LogHandler, set_up_logs

ON_LAMBDA = replace(read_runtime(), function_name="shop-e", log_level="WARNING")


@pytest.fixture
def root(keep_logging: None) -> logging.Logger:
    return logging.getLogger()


class OfLambda(logging.Handler):
    __module__ = "awslambdaric.bootstrap"


class OfOthers(logging.Handler):
    pass


def test_takes_the_place_of_the_runtime_clients_handler(root: logging.Logger) -> None:
    of_others = OfOthers()
    root.handlers[:] = [OfLambda(), of_others]
    for _ in range(2):
        set_up_logs(ON_LAMBDA, lambda: "e")
        assert root.handlers[0] is of_others
        assert [type(handler) for handler in root.handlers[1:]] == [LogHandler]
    assert root.level == logging.WARNING


def test_outside_of_lambda_nothing_changes(root: logging.Logger) -> None:
    before, level = root.handlers[:], root.level
    set_up_logs(replace(ON_LAMBDA, function_name=""), lambda: "e")
    assert (root.handlers, root.level) == (before, level)


def test_filters_hold(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    root.handlers[:] = []
    set_up_logs(ON_LAMBDA, lambda: "e")

    def drop_twos(record: logging.LogRecord) -> bool:
        return "two" not in record.getMessage()

    root.handlers[0].addFilter(drop_twos)
    root.warning("one")
    root.warning("two")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 and '"message":"one"' in lines[0]


IMPORTS_AT_ONCE = """
import logging, sys, threading
from lambda_serving.telemetry.logs import set_up_logs
from lambda_serving.settings.runtime import read_runtime

class Talker:
    # What is in the middle of Powertools' import waits for the other thread, and then logs.
    def find_spec(self, name, path, target=None):
        if name == "aws_lambda_powertools.shared":
            started.set()
            other.join(0.5)
            logging.info("while it is imported")

started = threading.Event()
sys.meta_path.insert(0, Talker())
set_up_logs(read_runtime(), lambda: "e")

def log():
    started.wait()
    logging.info("from a thread")

other = threading.Thread(target=log, daemon=True)
other.start()
import aws_lambda_powertools
other.join(5)
print("done", other.is_alive())
"""


def test_threads_that_import_powertools_are_not_stopped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_AT_ONCE],
        env={"AWS_LAMBDA_FUNCTION_NAME": "shop-e"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.endswith("done False\n"), done.stdout + done.stderr
    assert done.stdout.count("while it is imported") == done.stdout.count("from a thread") == 1

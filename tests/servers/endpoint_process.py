"""An endpoint as a process of its own: the real handler, for callers in the tests' process.

It runs with the tests' own Python; lambda_process.py runs built functions as Lambda does.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock
from typing import Any, Self

from tests.servers.forked import Forked

CHILD = """
import json, os, sys
from types import SimpleNamespace

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what the endpoint prints is its log
from lambda_serving.handler import lambda_handler

context = SimpleNamespace(
    aws_request_id="of-the-callee", get_remaining_time_in_millis=lambda: 29_000
)
for line in sys.stdin:
    try:
        answer = {"result": lambda_handler(json.loads(line), context)}
    except Exception as error:
        answer = {"type": type(error).__name__, "message": str(error)}
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
"""


class EndpointProcess:
    """A context manager; called with an event it gives the answer, or raises as the handler did."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._environment = {"LAMBDA_TASK_ROOT": str(folder), "SERVING_MODEL_BUCKET": "none"}
        self._environment |= environment
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = Forked(
            [sys.executable, "-c", CHILD],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=10)
        self._log.close()

    def end(self, sign: int) -> int:
        """Send a signal that ends it; gives the exit code."""
        self._process.send_signal(sign)
        return self._process.wait(10)

    def read_log(self) -> str:
        """What it has logged, without the records of its requests."""
        self._log.seek(0)
        return "".join(line for line in self._log if not line.startswith('{"_aws"'))

    def __call__(self, event: Any) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        with self._lock:
            stdin.write(json.dumps(event) + "\n")
            stdin.flush()
            answer = json.loads(stdout.readline())
        if "type" in answer:
            raise type(answer["type"], (Exception,), {})(answer["message"])
        return answer["result"]

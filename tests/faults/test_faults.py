"""The faults of cases.py, through the real handler."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Handler
from tests.faults.cases import INPUT, USER_CODE, Case
from tests.leaks import KEYS, find_leaks

TOML = 'endpoint = "iris_onnx"\nengine = "custom"\n'
AS_DEPLOYED = {"AWS_LAMBDA_FUNCTION_NAME": "iris_onnx", "AWS_LAMBDA_LOG_FORMAT": "JSON"}


def ask(handler: Handler, event: Any) -> tuple[str, str]:
    """What the client sees, and its whole text."""
    try:
        answer = handler(event)
    except Exception as error:  # noqa: BLE001  (of a direct invoke)
        body = json.loads(str(error))
        assert type(error).__name__ == body["type"]
        return f"{body['status']} {body['type']}", str(error)
    body = json.loads(answer["body"])
    assert body.keys() == {"detail", "type", "stage", "request_id"} and body["detail"]
    return f"{answer['statusCode']} {body['type']}", json.dumps(answer)


@pytest.mark.parametrize("case", [*INPUT, *USER_CODE], ids=lambda case: case.row.fault)
def test_fault(
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    case: Case,
) -> None:
    """Client and log are as the row says, nothing secret is told, and the next one is served."""
    code = f"{case.code}\n{ONCE}" if case in USER_CODE else case.code
    handler = start_handler(make_folder(TOML, code), **KEYS, **AS_DEPLOYED, **case.env)
    client, text = ask(handler, case.event)
    assert client == case.row.client
    assert find_leaks(text, tmp_path) == []
    assert not {secret for secret in ("/var/task", "/tmp/", "s3://") if secret in text}
    log = capsys.readouterr().out
    assert not {secret for secret in KEYS.values() if secret in log}
    lines = [json.loads(line) for line in log.splitlines()]
    (line,) = [line for line in lines if "message" in line]
    assert f"{line['level']} {line['message']}".startswith(case.row.log)
    assert ("exception" in line) == (case in USER_CODE)
    assert handler({"works": 1}) == {"works": 1}


ONCE = """
for name in ("preprocess", "process", "postprocess"):
    def give(self, data, state, collect, method=vars(Preprocess).get(name)):
        works = isinstance(data, dict) and data.get("works")
        return method(self, data, state, collect) if method and not works else data
    setattr(Preprocess, name, give)
"""
"""Whose body says that it works gets it back."""

"""Log lines of real execution environments: whose request they belong to, and what is never in."""

import json

import pytest

from tests.functional.log_lines import find_line, find_lines
from tests.functional.pipelines import ProcessMaker, post, serve_lambda

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FAILS = f"""
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        how = data["how"]
        if how == "url":
            raise OSError("GET https://b.s3/k?X-Amz-Security-Token=tok%2Fen&X-Amz-Signature=sig-nature")
        if how == "key":
            raise ValueError("the key is {SECRET} of ASIAQQQQQQQQQQQQQQQQ")
        return data["none"]
"""
MARK = "what-only-the-body-says"


def test_no_secrets_and_no_bodies(start_process: ProcessMaker) -> None:
    environment = {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "t" * 40}
    process = start_process("fails", FAILS, **environment)
    bodies = [{"how": how, "mark": MARK} for how in ("url", "key", "none")]
    for body in bodies:
        assert process.invoke(body).failed
    answers = [process.invoke(post("/serve/fails", **body)).json() for body in bodies]
    for body in (f'{{"{MARK}', f'["{MARK}"]', f'"{MARK}"'):
        answers.append(process.invoke(post("/serve/fails") | {"body": body}).json())
    compressed = post("/serve/fails", {"content-encoding": "gzip"}, mark=MARK)
    answers += [
        process.invoke(compressed).json(),
        process.invoke(post("/serve/fails") | {"body": MARK, "isBase64Encoded": True}).json(),
        process.invoke({"serving": {"protocol": 1, "content_type": "x/y"}, "body": MARK}).json(),
        process.invoke([MARK]).json(),
    ]
    assert [answer.get("statusCode") for answer in answers] == [
        *(500, 422, 500),
        *(400, 422, 422),
        *(400, 400, None, None),
    ]
    log = process.read_log()
    assert len(find_lines(process, service="fails")) >= len(answers)
    for secret in (SECRET, "ASIAQQQQ", "tok%2Fen", "sig-nature", "t" * 40, MARK):
        assert secret not in log
    assert "the key is … of …" in log
    assert "the key is … of …" in answers[1]["body"]


CALLS = """
import logging

logger = logging.getLogger(__name__)

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        logger.info("calling")
        return self.send_request("second", data=data)
"""
SECOND = CALLS.replace("calling", "called").replace(
    'self.send_request("second", data=data)', "data"
)


@pytest.mark.parametrize("engine", ["custom", "custom_async"])
def test_one_request_id_through_a_pipeline(start_process: ProcessMaker, engine: str) -> None:
    second = start_process("second", SECOND)
    with serve_lambda(second=lambda payload: second.invoke(payload).json()) as service:
        is_async = engine == "custom_async"
        code = CALLS if not is_async else CALLS.replace("def process", "async def process")
        code = code.replace("self.send", "await self.send") if is_async else code
        toml = f'engine = "{engine}"\ncalls = ["second"]\n'
        first = start_process("first", code, toml, **service.environment)
        event = post("/serve/first", number=1)
        answer = first.invoke(event).json()
    assert json.loads(answer["body"]) == {"number": 1}
    expected = event["requestContext"]["requestId"]
    assert find_line(first, "calling")["request_id"] == expected
    assert find_line(second, "called")["request_id"] == expected
    for process in (first, second):
        (record,) = [record for record in process.read_records() if "Latency" in record]
        assert record["request_id"] == expected


def test_a_load_at_a_request_is_of_that_request(start_process: ProcessMaker) -> None:
    """And not of the one before it, nor is what fails before the pipeline begins."""
    loads = "import logging\nlogging.getLogger().info('version 2')\nclass Preprocess: pass\n"
    process = start_process("two", loads, '[version.2]\npreprocess = "preprocess.py"\n')
    process.invoke({"serving": {"protocol": 1, "request_id": "before"}, "body": {}})
    envelope = {"protocol": 1, "request_id": "this", "version": "2"}
    process.invoke({"serving": envelope, "body": {}})
    ids = [line["request_id"] for line in find_lines(process, message="version 2")]
    assert ids == ["init", "this"]
    process.invoke({"serving": envelope | {"request_id": "refused"}, "body": []})
    (refusal,) = find_lines(process, level="WARNING")
    assert refusal["request_id"] == "refused"

"""Log lines of real execution environments: what is in them, whatever is logged."""

import json
import re

import pytest

from tests.events import load_event
from tests.functional.log_lines import find_line, find_lines
from tests.functional.pipelines import ProcessMaker, post

RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
"""With another time Lambda's filter of levels takes a line for INFO."""

LOGS = """
import logging
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger(__name__)
logger.info("imported")

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        logger.info("asked for %s", data["what"], extra={"customer": 7})
        with ThreadPoolExecutor(1) as pool:
            pool.submit(logger.warning, "in a thread").result()
        logger.debug("a detail")
        try:
            {}["missing"]
        except KeyError:
            logger.exception("caught")
        return data
"""


@pytest.mark.parametrize("log_format", ["JSON", "Text"])
def test_lines(start_process: ProcessMaker, log_format: str) -> None:
    process = start_process("talks", LOGS, AWS_LAMBDA_LOG_FORMAT=log_format)
    first = process.api.send(json.dumps(post("/serve/talks", what="this")).encode())
    assert json.loads(first.answer.result(30).payload)["statusCode"] == 200
    second = process.api.send(b'{"what": "that"}')
    assert json.loads(second.answer.result(30).payload) == {"what": "that"}

    line = find_line(process, "asked for this")
    assert re.fullmatch(RFC_3339, line.pop("timestamp"))
    assert re.fullmatch(r"process:\d+", line.pop("location"))
    assert line.pop("xray_trace_id").startswith("1-")
    gateway = load_event("http_post_json")["requestContext"]["requestId"]
    assert line == {
        "level": "INFO",
        "message": "asked for this",
        "service": "talks",
        "cold_start": True,
        "function_name": "shop-talks",
        "function_memory_size": 1769,
        "function_request_id": first.request_id,
        "request_id": gateway,
        "customer": 7,
    }
    at_init = find_line(process, "imported")
    assert (at_init["request_id"], at_init["cold_start"]) == ("init", True)
    assert "function_request_id" not in at_init
    later = find_line(process, "asked for that")
    assert (later["request_id"], later["cold_start"]) == (second.request_id, False)
    assert later["function_request_id"] == second.request_id
    in_threads = find_lines(process, message="in a thread", level="WARNING")
    assert [line["request_id"] for line in in_threads] == [gateway, second.request_id]
    caught = find_lines(process, message="caught")[0]
    assert (caught["level"], caught["exception_name"]) == ("ERROR", "KeyError")
    assert "KeyError: 'missing'" in caught["exception"]
    assert caught["exception"].count("Traceback") == 1 and "stack_trace" not in caught
    assert find_lines(process, message="a detail") == []


POWERTOOLS = """
from aws_lambda_powertools import Logger

logger = Logger(service="my own")

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        logger.info("by Powertools itself")
        return data
"""


def test_powertools_own_logger(start_process: ProcessMaker) -> None:
    """Of user code that brings it along: its lines stay its own, once each."""
    process = start_process("own", POWERTOOLS)
    process.invoke({})
    assert find_line(process, "by Powertools itself")["service"] == "my own"


LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"]


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"POWERTOOLS_LOG_LEVEL": "debug"}, LEVELS),
        ({"AWS_LAMBDA_LOG_LEVEL": "TRACE"}, LEVELS),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN"}, LEVELS[2:]),
        ({"AWS_LAMBDA_LOG_LEVEL": "INFO", "POWERTOOLS_LOG_LEVEL": "ERROR"}, LEVELS[3:]),
        ({"POWERTOOLS_LOG_LEVEL": "LOUD"}, LEVELS[1:]),
    ],
    ids=str,
)
def test_levels(start_process: ProcessMaker, environment: dict[str, str], shown: list[str]) -> None:
    process = start_process("talks", LOGS, **environment)
    process.invoke({"what": "this"})
    assert {line["level"] for line in find_lines(process)} == set(shown)
    told = [line for line in find_lines(process) if "the log level" in str(line["message"])]
    assert len(told) == ("LOUD" in environment.values())


ODD = """
import logging

logger = logging.getLogger()

class Odd:
    def __str__(self):
        raise RuntimeError("no text")

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        logger.info("number %d", "none")
        logger.info("extra", extra={"odd": Odd()})
        logger.info("values", extra={"nan": float("nan"), "big": 2**70, "set": {1}})
        logger.info("half a pair \\ud800")
        logger.info('{"as": "json"}')
        logger.info({"a": "dict"})
        logger.info("two\\nlines")
        try:
            raise ValueError(Odd())
        except ValueError:
            logger.exception("of an odd error")
        return {}
"""


def test_nothing_is_lost(start_process: ProcessMaker) -> None:
    """Whatever is logged is a line of JSON, and fails no request."""
    process = start_process("odd", ODD)
    assert process.invoke({}).json() == {}
    messages = [line["message"] for line in find_lines(process)]
    assert messages == [
        "'number %d' with ('none',)",
        "extra",
        "values",
        "half a pair \ud800",
        {"as": "json"},
        {"a": "dict"},
        "two\nlines",
        "of an odd error",
    ]
    wrong_number, odd, values, *_, last = find_lines(process)
    assert wrong_number["logging_error"].startswith("TypeError: ")
    assert odd["logging_error"] == "RuntimeError: no text"
    assert (values["big"], values["set"]) == (2**70, "{1}")
    assert values["nan"] is None
    assert "ValueError" in last["exception"]
    assert all(re.fullmatch(RFC_3339, line["timestamp"]) for line in find_lines(process))


MANY = """
import logging
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger()

class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn):
        def log(number):
            logger.info("%d %s", number, "x" * 20_000)
            self.send_request("nobody here", data={})
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(log, range(200)))
        return {}
"""


def test_lines_of_many_threads_stay_whole(start_process: ProcessMaker) -> None:
    """Among each other and among the statistics; the first of them import the formatter."""
    process = start_process("many", MANY)
    assert process.invoke({}).json() == {}
    lines = [line for line in find_lines(process) if "xxx" in line["message"]]
    assert {int(line["message"].split()[0]) for line in lines} == set(range(200))
    counts = [record for record in process.read_records() if "FailedCalls" in record]
    assert len(counts) == len(find_lines(process, level="ERROR")) == 200

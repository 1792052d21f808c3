"""Faults that one event and a few lines of user code make, without any process of their own."""

from typing import Any, NamedTuple

from tests.events import load_event
from tests.faults.row import Row


class Case(NamedTuple):
    """An event, and the endpoint that gets it."""

    row: Row
    event: Any
    code: str = "class Preprocess:\n    pass\n"
    toml: str = ""
    env: dict[str, str] = {}  # noqa: RUF012


def refuse(fault: str, event: str, status: int, type_name: str, told: str) -> Case:
    """An event of events/ that is refused; the log has a line without a traceback."""
    client = f"{status} {type_name}"
    log = f"WARNING {type_name} {status} in request: {told}"
    env = {"SERVING_MAX_BODY_BYTES": "1000000"}
    return Case(Row(fault, client, log), load_event(event), env=env)


def fail(
    fault: str, method: str, line: str, client: str, log: str, event: str = "http_post_json"
) -> Case:
    """A line of user code; the log has the traceback."""
    code = f"import asyncio, os\nclass Preprocess:\n    def {method}:\n        {line}\n"
    return Case(Row(fault, client, log), load_event(event), code)


INPUT = (
    refuse(
        "the body is no JSON", "http_not_json", 400, "MalformedBodyError", "the body is not JSON: "
    ),
    refuse(
        "the body is not the gzip that its header claims",
        "http_not_gzip",
        400,
        "MalformedBodyError",
        "the body is not gzip as its header claims",
    ),
    refuse(
        "the event's body is no base64",
        "http_bad_base64",
        400,
        "MalformedBodyError",
        "the body is not base64",
    ),
    refuse(
        "an unknown version",
        "http_unknown_version",
        404,
        "UnknownVersionError",
        "endpoint 'iris_onnx' has no version '99'; it has 1",
    ),
    refuse(
        "an unknown path",
        "http_unknown_path",
        404,
        "UnknownPathError",
        "no route '/serve/iris_onnx/no/such/path'; there are ",
    ),
    refuse(
        "another endpoint's path",
        "http_iris_sklearn",
        404,
        "UnknownEndpointError",
        "there is no endpoint 'iris_sklearn' here",
    ),
    refuse(
        "a wrong method",
        "http_wrong_method",
        405,
        "MethodNotAllowedError",
        "expected GET or POST, got DELETE",
    ),
    refuse(
        "a body over the limit",
        "http_over_limit",
        413,
        "BodyTooLargeError",
        "the decoded body has over 1000000 bytes, the limit",
    ),
    refuse(
        "an unknown content encoding",
        "http_unsupported_encoding",
        415,
        "UnsupportedEncodingError",
        "content encoding: expected gzip or identity, got 'br'",
    ),
    refuse(
        "JSON that is no object, by API Gateway's HTTP API",
        "http_not_object",
        422,
        "InputError",
        "the body: expected a JSON object, got an array",
    ),
    refuse(
        "JSON that is no object, by its REST API",
        "rest_not_object",
        422,
        "InputError",
        "the body: expected a JSON object, got an array",
    ),
    refuse(
        "JSON that is no object, by a load balancer",
        "alb_not_object",
        422,
        "InputError",
        "the body: expected a JSON object, got an array",
    ),
    refuse(
        "JSON that is no object, by a function URL",
        "url_not_object",
        422,
        "InputError",
        "the body: expected a JSON object, got an array",
    ),
    refuse(
        "JSON that is no object, in an envelope",
        "envelope_not_object",
        422,
        "InputError",
        "the body: expected a JSON object, got an array",
    ),
    refuse(
        "JSON that is no object, by a direct invoke",
        "invoke_not_object",
        422,
        "InputError",
        "the body: expected a JSON object, got an array",
    ),
    refuse(
        "an envelope whose bytes are no base64",
        "envelope_bad_base64",
        400,
        "MalformedBodyError",
        "the body is not base64",
    ),
    refuse(
        "an envelope with an unknown version",
        "envelope_unknown_version",
        404,
        "UnknownVersionError",
        "endpoint 'iris_onnx' has no version '99'; it has 1",
    ),
)

PROCESS = "process(self, data, state, collect)"

USER_CODE = (
    fail("preprocess raises ValueError", "preprocess(self, data, state, collect)",
         "raise ValueError('x0 is missing')", "422 ValueError",
         "WARNING ValueError 422 in preprocess: x0 is missing"),
    fail("a key that the body lacks", "preprocess(self, data, state, collect)",
         "return data['x0']", "500 KeyError", "ERROR KeyError 500 in preprocess: "),
    fail("process reads a file that is not there", PROCESS, "open('/var/task/secret')",
         "500 FileNotFoundError", "ERROR FileNotFoundError 500 in process: "),
    fail("postprocess raises ValueError", "postprocess(self, data, state, collect)",
         "raise ValueError('no y')", "500 ValueError", "ERROR ValueError 500 in postprocess: "),
    fail("sys.exit() in process", PROCESS, "raise SystemExit(1)", "500 SystemExit",
         "ERROR SystemExit 500 in process: "),
    fail("KeyboardInterrupt in process", PROCESS, "raise KeyboardInterrupt",
         "500 KeyboardInterrupt", "ERROR KeyboardInterrupt 500 in process: "),
    fail("asyncio.CancelledError in process", PROCESS, "raise asyncio.CancelledError",
         "500 CancelledError", "ERROR CancelledError 500 in process: "),
    fail("recursion without end", PROCESS, "return self.process(data, state, collect)",
         "500 RecursionError", "ERROR RecursionError 500 in process: "),
    fail("more memory asked for than there is", PROCESS, "return bytearray(1 << 62)",
         "500 MemoryError", "ERROR MemoryError 500 in process: "),
    fail("the disk is full", PROCESS, "raise OSError(28, 'No space left', '/tmp/x')",
         "500 OSError", "ERROR OSError 500 in process: "),
    fail("user code writes where Lambda is read-only", PROCESS,
         "raise OSError(30, 'Read-only file system', '/var/task/x')", "500 OSError",
         "ERROR OSError 500 in process: "),
    fail("an error whose text has a credential", PROCESS,
         "raise OSError('key ' + os.environ['AWS_SECRET_ACCESS_KEY'])", "500 OSError",
         "ERROR OSError 500 in process: "),
    fail("a ValueError whose text has a path, a bucket and a credential", PROCESS,
         "raise ValueError('s3://models/m /tmp/x ' + os.environ['AWS_SECRET_ACCESS_KEY'])",
         "422 ValueError", "WARNING ValueError 422 in process: "),
    fail("a result that JSON cannot hold", PROCESS, "return {'y': object()}", "500 ResultError",
         "ERROR ResultError 500 in result: "),
    fail("a result that is no Unicode", PROCESS, "return {'y': '\\ud800'}", "500 ResultError",
         "ERROR ResultError 500 in result: the result holds text that is not valid Unicode"),
    fail("a result that refers to itself", PROCESS, "data['y'] = data; return data",
         "500 ResultError", "ERROR ResultError 500 in result: "),
    fail("a result over 6 MB", PROCESS, "return 'x' * 6_300_000", "500 ResultTooLargeError",
         "ERROR ResultTooLargeError 500 in result: "),
    fail("a body of bytes where user code expects a dict", PROCESS, "return data['x0']",
         "500 TypeError", "ERROR TypeError 500 in process: ", "http_bytes"),
)  # fmt: skip

"""The dev server and bodies that do not come whole, or are too much."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from tests.servers.dev_server import DevServer, wait_for, write_endpoint

LIMIT = 100_000

COUNT = """
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        print(f"the model ran on {len(data)} bytes", flush=True)
        return {"bytes": len(data)}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("bodies")
    write_endpoint(folder / "functions", "count", 'engine = "custom"', COUNT)
    env = {"SERVING_MAX_BODY_BYTES": str(LIMIT)}
    with DevServer(folder / "functions", folder, folder / "log", env=env, is_quick=True) as server:
        yield server


def begin(server: DevServer, length: int, body: bytes) -> socket.socket:
    """A connection with a request whose body has begun."""
    url = urlsplit(str(server.http.base_url))
    connection = socket.create_connection((url.hostname or "", url.port or 0), timeout=30)
    head = f"POST /serve/count HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_client_that_goes_before_the_end_of_its_body(server: DevServer) -> None:
    begin(server, 1000, b"x" * 300).close()
    told = "MalformedBodyError 400 in request: the client went after 300 bytes of the body"
    wait_for(lambda: told in server.log, "the request to end")
    assert server.http.post("/serve/count", content=b"x" * 7).json() == {"bytes": 7}
    assert "the model ran on 300 bytes" not in server.log
    assert "the model ran on 7 bytes" in server.log


def test_a_body_over_the_limit_is_refused_before_its_end(server: DevServer) -> None:
    with begin(server, 3 * LIMIT, b"x" * 2 * LIMIT) as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.load(answer)["type"]) == (413, "BodyTooLargeError")


def test_a_body_of_many_parts(server: DevServer) -> None:
    answer = server.http.post("/serve/count", content=(b"x" * 1000 for _ in range(100)))
    assert answer.json() == {"bytes": LIMIT}

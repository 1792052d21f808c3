"""A fast S3 on loopback, as a process of its own: what is measured must not wait for it.

GET and HEAD of whole objects and of ranges, straight from the page cache by sendfile(2); no
signatures are checked. Run as `python -m bench.storage FOLDER RATE`: it prints its port, and ends
when its standard input does. Objects are files below FOLDER, named bucket/key; RATE is what one
connection gets, in bytes a second, 0 for all there is.
"""

import os
import socket
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Self
from urllib.parse import unquote, urlsplit

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's head."""

STEP = 128 * 1024
"""Bytes between two looks at the clock, where a connection has a rate."""


class Storage:
    """The process. A context manager; `endpoint` is the value for AWS_ENDPOINT_URL.

    `rate`: bytes a second of one connection, 0 for all there is.
    """

    def __init__(self, folder: Path, rate: int = 0) -> None:
        self._folder = folder
        self._rate = rate
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.storage", str(self._folder), str(self._rate)],
            cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=10)


def serve(folder: Path, rate: int) -> None:
    """Answer every connection in a thread, as long as standard input is open."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            Thread(target=answer_requests, args=[connection, folder, rate], daemon=True).start()

    Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def answer_requests(connection: socket.socket, folder: Path, rate: int) -> None:
    """One connection, kept open until the client leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = b""
    try:
        with connection:
            while True:
                while b"\r\n\r\n" not in pending and len(pending) < LARGEST_HEAD:
                    received = connection.recv(LARGEST_HEAD)
                    if not received:
                        return
                    pending += received
                head, _, pending = pending.partition(b"\r\n\r\n")
                answer(connection, folder, head.decode("latin-1"), rate)
    except (BrokenPipeError, ConnectionResetError):
        return  # the client has what it wants


def answer(connection: socket.socket, folder: Path, head: str, rate: int) -> None:
    request, *lines = head.split("\r\n")
    method, target, _ = request.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    path = folder / unquote(urlsplit(target).path).lstrip("/")
    if not path.is_file():
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    size = path.stat().st_size
    start, end = read_range(headers.get("range", ""), size)
    status = "206 Partial Content" if "range" in headers else "200 OK"
    fields = {
        "Content-Length": end - start,
        "Content-Type": "binary/octet-stream",
        "ETag": f'"{size:032x}"',
        "Last-Modified": formatdate(0, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if "range" in headers:
        fields["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.sendall(f"HTTP/1.1 {status}\r\n{text}\r\n".encode())
    if method == "GET":
        send_file(connection, path, start, end, rate)


def read_range(text: str, size: int) -> tuple[int, int]:
    """[start, end) of a Range header; all of the object where there is none."""
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not first:
        return (max(0, size - int(last)) if last else 0), size
    return int(first), min(size, int(last) + 1) if last else size


def send_file(connection: socket.socket, path: Path, start: int, end: int, rate: int) -> None:
    began, first = monotonic(), start
    with path.open("rb") as file:
        while start < end:
            step = min(STEP, end - start) if rate else end - start
            start += os.sendfile(connection.fileno(), file.fileno(), start, step)
            if rate:
                sleep(max(0, began + (start - first) / rate - monotonic()))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))

"""The X-Ray daemon on loopback: it takes documents by UDP and checks them.

Rules as in the AWS X-Ray developer guide, "Sending segment documents to the X-Ray daemon" and
"Segment documents".
"""

import json
import re
import socket
import time
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self

HEAD = {"format": "json", "version": 1}
ID = r"[0-9a-f]{16}"
TRACE_ID = r"1-[0-9a-f]{8}-[0-9a-f]{24}"


@dataclass
class XRayDaemon:
    """A context manager; holds what came, and what is wrong with it."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._is_open = True
        self._thread = Thread(target=self._receive, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_open = False
        self._thread.join()
        self._socket.close()

    @property
    def address(self) -> str:
        """The value for AWS_XRAY_DAEMON_ADDRESS."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def wait_for(self, count: int, seconds: float = 5) -> list[dict[str, Any]]:
        """The documents, once there are so many and no more come."""
        deadline = time.monotonic() + seconds
        while len(self.documents) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        assert self.defects == []
        names = [document["name"] for document in self.documents]
        assert len(names) == count, names
        return self.documents

    def _receive(self) -> None:
        while self._is_open:
            try:
                datagram = self._socket.recv(2**16)
            except TimeoutError:
                continue
            head, _, body = datagram.partition(b"\n")
            document = json.loads(body)
            defect = find_defect(document)
            if json.loads(head) != HEAD or defect:
                self.defects.append(f"{defect} in {datagram!r}")
            self.documents.append(document)


def find_defect(document: dict[str, Any]) -> str:
    """What is wrong with a subsegment that is sent by itself; empty where all is right."""
    wrong = [
        name
        for name, pattern in (("id", ID), ("parent_id", ID), ("trace_id", TRACE_ID))
        if not re.fullmatch(pattern, str(document.get(name)))
    ]
    if document.get("type") != "subsegment":
        wrong.append("type")
    if not re.fullmatch(r"[\w\s.:/%&#=+\\@-]{1,200}", str(document.get("name"))):
        wrong.append("name")
    if not 0 <= document["end_time"] - document["start_time"] < 60:
        wrong.append("times")
    for key, value in document.get("annotations", {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_]+", key) or not isinstance(value, str | int | float):
            wrong.append(f"annotation {key}")
    if document.get("namespace", "remote") not in ("remote", "aws"):
        wrong.append("namespace")
    return ", ".join(wrong)

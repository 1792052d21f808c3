"""Lambda's endpoint for credentials, as SnapStart has it; on loopback.

A GET with the token answers `{"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}`, as
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html says.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Self

from tests.servers.cutting_server import CuttingServer

PATH = "/v1/credentials"


@dataclass
class ContainerCredentials:
    """The server and its keys. A context manager."""

    lifetime: float = 3600.0
    """Seconds that keys live from now on, as they are told; `expire` ends them in truth."""
    valid: dict[str, str] = field(default_factory=dict)
    """Access key -> secret key, of those that services accept."""
    given: list[str] = field(default_factory=list)
    """The access keys, in the order they were asked for."""
    refused: int = 0
    """Requests without the token."""
    failures: int = 0
    """How many requests are answered by 500 from now on."""
    token: str = field(default_factory=lambda: f"token+/{secrets.token_hex(8)}")

    def __post_init__(self) -> None:
        self._server = CuttingServer(("127.0.0.1", 0), _Handler)
        self._server.container = self  # type: ignore[attr-defined]

    @property
    def environment(self) -> dict[str, str]:
        """What SnapStart sets in the place of the three variables."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self._server.server_port}{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.token,
        }

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()

    def make_keys(self) -> dict[str, str]:
        """New ones, which services accept from now on."""
        key = f"ASIA{secrets.token_hex(8).upper()}"
        self.valid[key] = secret = secrets.token_hex(20)
        self.given.append(key)
        ends = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        return {
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "Token": f"session/{key}=",
            "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def expire(self) -> None:
        """No service accepts what was given so far."""
        self.valid.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        container: ContainerCredentials = self.server.container  # type: ignore[attr-defined]
        if self.path != PATH or self.headers.get("Authorization") != container.token:
            container.refused += 1
            self._answer(401, {})
        elif container.failures:
            container.failures -= 1
            self._answer(500, {"message": "try again"})
        else:
            self._answer(200, container.make_keys())

    def _answer(self, status: int, value: dict[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: `given` and `refused` hold what came."""

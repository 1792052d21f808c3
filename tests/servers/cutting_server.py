"""An HTTP server on loopback that can cut the connections it has open."""

from http.server import ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any


class CuttingServer(ThreadingHTTPServer):
    """Knows its connections, so that stopping it cuts them, as a host that goes away does."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections: set[socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().close_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(SHUT_RDWR)
            except OSError:
                continue  # closed meanwhile

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away, or was cut off, is what tests want."""

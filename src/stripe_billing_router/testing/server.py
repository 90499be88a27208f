"""The sandbox on a loopback port: real sockets, real faults, one Stripe for several processes."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from .control import PREFIX, ControlError, run_command

if TYPE_CHECKING:
    from .records import SandboxResponse
    from .served import Served

LOOPBACK = "127.0.0.1"
# With this option, closing a socket resets the connection.
_RESET = struct.pack("ii", 1, 0)


class SandboxServer:
    """Serve a sandbox at `http://127.0.0.1:port`, with a thread per connection.

    It binds loopback only, because it has no protection.
    """

    def __init__(self, sandbox: Served, port: int = 0) -> None:
        self.sandbox = sandbox
        self._http = _Server((LOOPBACK, port), sandbox)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """The address, for `STRIPE_API_BASE` or `base_addresses={"api": …}`."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start serving, in the background."""
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="stripe-sandbox",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._http.shutdown()
        self._http.server_close()
        if self._thread is not None:
            self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Served) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._open):
            # The thread that waits for the next request wakes up and ends.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that were killed, and report our own faults."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _sandbox(self) -> Served:
        return cast("_Server", self.server).sandbox

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - The base's own name.
        """Write no log: `sandbox.requests` is better."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        if self.path.startswith(PREFIX):
            self._control(body)
            return
        response = self._sandbox.handle(self.command, self.path, dict(self.headers.items()), body)
        self._deliver(response)

    def _control(self, body: str) -> None:
        name = self.path.removeprefix(PREFIX).partition("?")[0]
        status, result = 200, None
        try:
            result = run_command(self._sandbox, name, json.loads(body or "{}"))
        except (ControlError, ValueError, TypeError, KeyError) as error:
            status, result = 400, {"error": f"{type(error).__name__}: {error}"}
        self._send(status, {"Content-Type": "application/json"}, json.dumps(result).encode())

    def _deliver(self, response: SandboxResponse) -> None:
        if response.delivery == "whole":
            self._send(response.status, response.headers, response.body)
            return
        if response.delivery == "truncated":
            half = len(response.body) // 2
            self._send(response.status, response.headers, response.body, stop_at=half)
        self.close_connection = True
        if response.delivery == "refused":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
        else:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _send(
        self, status: int, headers: dict[str, str], body: bytes, stop_at: int | None = None
    ) -> None:
        """Send head and body together, so that neither waits for the other."""
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        self.wfile.write(head + body[:stop_at])

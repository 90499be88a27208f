"""A small HTTP server on loopback that answers as it is told, badly if need be."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str
    connection: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def form(self) -> dict[str, str]:
        text = self.body or urlsplit(self.target).query
        return {name: values[-1] for name, values in parse_qs(text).items()}


@dataclass(frozen=True)
class Answer:
    """What to send back. `raw` replaces status, headers and body by these very bytes.

    `then` is what happens to the connection afterwards: `keep`, `close`, `reset` (as after a crash)
    or `hang` (nothing more is ever sent).
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    then: str = "keep"

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Self:
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Request-Id": "req_1", **names})

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} Whatever"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class LoopbackServer:
    """Answer each request by `respond`, which may be exchanged; `requests` are those that came."""

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        self.respond = respond
        self.requests: list[Request] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(connection)
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while (request := _read(stream, number)) is not None:
                with self._lock:
                    self.requests.append(request)
                answer = self.respond(request)
                connection.sendall(answer.encoded())
                if answer.then == "hang":
                    self._closing.wait()
                if answer.then == "reset":
                    # Closing with data unsent and no lingering sends RST instead of FIN.
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                if answer.then != "keep":
                    return


def _read(stream: Any, number: int) -> Request | None:
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0"))).decode()
    return Request(first[0], first[1], headers, body, number)


@contextmanager
def loopback_server(respond: Callable[[Request], Answer]) -> Iterator[LoopbackServer]:
    """Run a server for the length of the block."""
    server = LoopbackServer(respond)
    try:
        yield server
    finally:
        server.close()

"""The way to Stripe: pooled connections over urllib3, with nothing taken from the environment.

No `.netrc` (it would replace the key with another identity), no proxy, no redirect (it would carry
the key elsewhere), no `SSLKEYLOGFILE`, no retry of its own: the engine decides whether a request
may be resent. Certificates are checked against the bundle that the SDK ships.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import stripe
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..core.deadline import bounded_s
from ..core.forks import renew_after_fork

# One of Stripe's answers is a few kilobytes, a page of a hundred invoices a few hundred.
_LARGEST_BODY: Final = 16 * 1024 * 1024
_CHUNK: Final = 64 * 1024

# Connections kept open per process; more may be open at once, and are closed after use.
_KEPT_OPEN: Final = 32

_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


def _socket_options() -> list[tuple[int, int, int]]:
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        # A connection that a middlebox forgot is noticed while it is idle, not by a lost request.
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class _NotConnectedError(Exception):
    """There was no connection, so not one byte of the request was sent.

    It is deliberately not an `OSError`: urllib3 passes it on unchanged, and failures before and
    after the first byte cannot be confused.
    """


class _MarksConnecting:
    # Overrides `http.client.HTTPConnection.debuglevel`: that well-known way to see what a program
    # sends would print the key.
    debuglevel = 0

    def connect(self) -> None:
        reason = ""
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - Whatever it is, nothing was sent.
            reason = _in_plain_words(error)
        if reason:
            raise _NotConnectedError(reason)


class _PlainConnection(_MarksConnecting, HTTPConnection):
    pass


class _TlsConnection(_MarksConnecting, HTTPSConnection):
    pass


# urllib3's own connection classes do not match the protocols it declares here.
class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection  # pyright: ignore[reportAssignmentType]


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyright: ignore[reportAssignmentType]


class PooledTransport(stripe.HTTPClient):
    """Send the SDK's requests over connections that all threads share.

    A failure is `stripe.APIConnectionError` with the attribute `not_sent`: true only if no byte of
    the request can have left, so that nothing can have happened at Stripe. Its message holds
    neither headers nor the query. A forked child opens its own connections.

    Args:
        connect_timeout_s: for the TCP connection, and again for the TLS handshake. Only the
            system's resolver bounds the look-up of the host's name.
        read_timeout_s: the longest silence while waiting for an answer.
        call_timeout_s: the longest that an answer's body may take, even if it keeps arriving.
    """

    name = "stripe_billing_router"

    def __init__(
        self,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        call_timeout_s: float = 40.0,
    ) -> None:
        super().__init__()
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._call_timeout_s = call_timeout_s
        # Pools by origin: replaced whole, never cleared, so that no lock is needed, which a fork
        # could copy in its locked state.
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the parent its connections: two processes on one would mix their requests."""
        self._pools = {}

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_sdk_internal: Any,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Send one request once and read the whole answer.

        Raises:
            stripe.APIConnectionError: there is no complete answer; see `not_sent`.
        """
        try:
            return self._exchange(method, url, dict(headers or {}), post_data)
        except _NotConnectedError as error:
            reason, not_sent = str(error), True
        except Exception as error:  # noqa: BLE001 - Closed by default: anything may have happened.
            reason, not_sent = _in_plain_words(error), False
        # Outside the `except`, so that the cause, whose frames hold the key, is not chained to it.
        failure = stripe.APIConnectionError(  # type: ignore[no-untyped-call]
            f"{method.upper()} {urlsplit(url).path}: {reason}", should_retry=False
        )
        failure.not_sent = not_sent  # type: ignore[attr-defined]
        raise failure

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        for value in headers.values():
            if not _HEADER_VALUE.fullmatch(value):
                # http.client would refuse it too, with a message that quotes the value.
                raise _NotConnectedError("a header holds a character that HTTP does not allow")
        address = urlsplit(url)
        target = f"{address.path}?{address.query}" if address.query else address.path
        connect_s, read_s, call_s = bounded_s(
            self._connect_timeout_s, self._read_timeout_s, self._call_timeout_s
        )
        deadline = time.monotonic() + call_s
        response = self._pool(f"{address.scheme}://{address.netloc}").urlopen(
            method.upper(),
            target,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=connect_s, read=read_s),
        )
        try:
            content = self._read(response, deadline)
        except BaseException:
            # The rest of this answer must not be read as the beginning of the next one.
            response.close()
            raise
        response.release_conn()
        return content, response.status, response.headers

    @staticmethod
    def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        # urllib3 raises at the end of a body that is shorter than announced.
        while chunk := response.read1(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > _LARGEST_BODY:
                raise OverflowError
            if time.monotonic() > deadline:
                raise TimeoutError
        return b"".join(chunks)

    def _pool(self, origin: str) -> urllib3.HTTPConnectionPool:
        pool = self._pools.get(origin)
        if pool is None:
            # Two threads may both create one; both use the one that is stored first.
            pool = self._pools.setdefault(origin, self._new_pool(origin))
        return pool

    def _new_pool(self, origin: str) -> urllib3.HTTPConnectionPool:
        address = urlsplit(origin)
        host, port = address.hostname or "", address.port
        options: dict[str, Any] = {
            "maxsize": _KEPT_OPEN,
            "block": False,
            "socket_options": _socket_options(),
        }
        if address.scheme == "https":
            return _TlsPool(host, port, ssl_context=_tls_context(), **options)
        return _PlainPool(host, port, **options)

    def close(self) -> None:
        """Close the connections that are not in use. The transport can still be used."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def __repr__(self) -> str:
        return f"PooledTransport({', '.join(self._pools) or 'not connected'})"


def _tls_context() -> ssl.SSLContext:
    # Built by hand: `ssl.create_default_context` would write session keys to `SSLKEYLOGFILE`.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(stripe.ca_bundle_path)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _in_plain_words(error: Exception) -> str:
    """Say what went wrong from the error's type alone: its text may quote headers."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "the host's name could not be resolved"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "connecting took too long"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "the connection was refused"
    if isinstance(error, urllib3.exceptions.SSLError | ssl.SSLError):
        return "the secure connection could not be made, or its certificate is not trusted"
    if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return "no complete answer in time"
    if isinstance(error, OverflowError):
        return "the answer is larger than any that Stripe gives"
    return f"the connection broke ({type(error).__name__})"

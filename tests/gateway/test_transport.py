"""The transport: one request, sent once, over a connection that the environment cannot bend."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import stripe

from stripe_billing_router.gateway import transport as stripe_transport
from stripe_billing_router.gateway.transport import PooledTransport
from support.loopback import Answer, LoopbackServer, loopback_server

KEY = "sk_live_fakeTransportKey"
HEADERS = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "step-1"}


@pytest.fixture
def transport() -> Iterator[PooledTransport]:
    made = PooledTransport(connect_timeout_s=0.5, read_timeout_s=1.0, call_timeout_s=1.5)
    yield made
    made.close()


def post(transport: PooledTransport, url: str) -> tuple[str, int]:
    body, status, _ = transport.request("post", f"{url}/v1/refunds?a=secretquery", HEADERS, "a=1")
    return bytes(body).decode(), status


def failing(transport: PooledTransport, url: str) -> stripe.APIConnectionError:
    """Send a request that must fail, and check what holds for every such failure."""
    with pytest.raises(stripe.APIConnectionError) as caught:
        post(transport, url)
    error = caught.value
    assert KEY not in str(error)
    assert "secretquery" not in str(error)
    assert error.should_retry is False
    # Nothing behind it: causes have frames, and frames have headers.
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def not_sent(error: stripe.APIConnectionError) -> bool:
    return bool(vars(error)["not_sent"])


# --- what is known not to have been sent ---


def test_a_refused_connection_was_not_sent(transport: PooledTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not_sent(failing(transport, f"http://127.0.0.1:{port}"))


def test_an_unknown_host_was_not_sent(transport: PooledTransport) -> None:
    assert not_sent(failing(transport, "http://stripe.invalid"))


def test_a_connection_that_does_not_come_about_in_time_was_not_sent(
    transport: PooledTransport,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        # The kernel drops what does not fit into a full backlog, as a firewall would.
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        error = failing(transport, f"http://127.0.0.1:{address[1]}")
        for each in waiting:
            each.close()
    assert not_sent(error)


def test_a_failed_tls_handshake_was_not_sent(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    server.respond = lambda _request: Answer(raw=b"this is not TLS", then="close")
    assert not_sent(failing(transport, server.url.replace("http:", "https:")))
    # The random bytes of a TLS hello may look like a line to a plain server, but never like ours.
    assert not [r for r in server.requests if "POST" in r.method or KEY in str(r)]


@pytest.mark.parametrize(
    "value", [f"Bearer {KEY}\n", f"Bearer {KEY}\r\nHost: x", "Bearer ké", "\0"]
)
def test_a_header_that_http_does_not_allow_was_not_sent_and_is_not_quoted(
    transport: PooledTransport, server: LoopbackServer, value: str
) -> None:
    with pytest.raises(stripe.APIConnectionError) as caught:
        transport.request("post", server.url, {"Authorization": value}, "a=1")
    assert not_sent(caught.value)
    assert KEY not in str(caught.value)
    assert server.requests == []


# --- what may have been carried out ---


@pytest.mark.parametrize(
    "answer",
    [
        Answer(raw=b"", then="hang"),
        Answer(raw=b"", then="close"),
        Answer(raw=b"", then="reset"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", then="close"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", then="reset"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", then="hang"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", then="close"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", then="close"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
        Answer(raw=b"no HTTP at all\r\n\r\n", then="close"),
        Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", then="close"),
    ],
    ids=[
        "silence", "closed", "reset", "truncated", "reset in the body", "silence in the body",
        "truncated chunk", "broken chunk", "broken gzip", "not HTTP", "endless headers",
    ],
)  # fmt: skip
def test_an_incomplete_answer_leaves_open_what_happened(
    transport: PooledTransport, server: LoopbackServer, answer: Answer
) -> None:
    server.respond = lambda _request: answer
    assert not not_sent(failing(transport, server.url))
    assert len(server.requests) == 1


def test_a_kept_connection_that_breaks_leaves_open_what_happened(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    assert post(transport, server.url)[1] == 200
    server.respond = lambda _request: Answer(raw=b"", then="reset")
    assert not not_sent(failing(transport, server.url))
    # Not sent a second time by itself, as some clients do on a stale connection.
    assert len(server.requests) == 2


def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    server.respond = lambda _request: Answer(body=b"{}", then="close")
    for _ in range(3):
        assert post(transport, server.url) == ("{}", 200)
        time.sleep(0.05)
    assert server.connections == 3


def test_a_body_that_drips_is_bounded_as_a_whole(transport: PooledTransport) -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not stop.wait(0.1):
                    connection.sendall(b" ")

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        # It fails at all: the body would be whole after 100 seconds.
        error = failing(transport, f"http://127.0.0.1:{listening.getsockname()[1]}")
        stop.set()
        dripping.join()
    assert not not_sent(error)


def test_an_answer_larger_than_any_of_stripes_is_given_up(
    transport: PooledTransport, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_transport, "_LARGEST_BODY", 100_000)
    server.respond = lambda _request: Answer(body=b" " * 200_000)
    assert not not_sent(failing(transport, server.url))


# --- good answers ---


def test_headers_are_found_in_any_spelling(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    _, _, headers = transport.request("get", f"{server.url}/v1/balance", HEADERS)
    assert headers["REQUEST-ID"] == headers["request-id"] == headers.get("Request-Id") == "req_1"


def test_a_compressed_answer_is_read(transport: PooledTransport, server: LoopbackServer) -> None:
    server.respond = lambda _request: Answer(
        body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}
    )
    assert post(transport, server.url) == ('{"a": 1}', 200)


def test_connections_are_kept_and_shared(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    for _ in range(5):
        post(transport, server.url)
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(post, transport, server.url).result()
    assert server.connections == 1


def test_sixteen_threads_each_get_their_own_answers(server: LoopbackServer) -> None:
    server.respond = lambda request: Answer.json({"said": request.form["n"]})
    transport = PooledTransport()

    def ask(number: int) -> int:
        body, _, _ = transport.request("post", f"{server.url}/v1/x", HEADERS, f"n={number}")
        return int(json.loads(body)["said"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(800))) == list(range(800))
    transport.close()
    assert server.connections <= 16


def test_after_close_it_opens_new_connections(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    post(transport, server.url)
    transport.close()
    post(transport, server.url)
    assert server.connections == 2


FORKING = """
import os, sys
from stripe_billing_router.gateway.transport import PooledTransport
transport = PooledTransport()
url = sys.argv[1] + "/v1/x"
transport.request("post", url, {}, "who=parent")
child = os.fork()
for _ in range(20):
    transport.request("post", url, {}, "who=" + ("parent" if child else "child"))
if child:
    assert os.waitpid(child, 0)[1] == 0
    transport.request("post", url, {}, "who=parent")
"""


def test_a_forked_child_has_connections_of_its_own(server: LoopbackServer) -> None:
    subprocess.run([sys.executable, "-c", FORKING, server.url], check=True, timeout=60)
    by_connection: dict[int, set[str]] = {}
    for request in server.requests:
        by_connection.setdefault(request.connection, set()).add(request.form["who"])
    assert sorted(map(sorted, by_connection.values())) == [["child"], ["parent"]]


# --- the environment ---


def test_a_redirect_is_an_answer_and_not_followed(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    with loopback_server(lambda _request: Answer()) as elsewhere:
        server.respond = lambda _request: Answer(307, headers={"Location": elsewhere.url})
        assert post(transport, server.url)[1] == 307
        assert elsewhere.requests == []


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Plant whatever other clients obey; the server stands where it all leads."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "tls-keys"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with loopback_server(lambda _request: Answer()) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        yield proxy


def test_no_netrc_and_no_proxy_from_the_environment(
    transport: PooledTransport, server: LoopbackServer, planted: LoopbackServer
) -> None:
    post(transport, server.url)
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert planted.requests == []


def test_the_planted_environment_does_bend_the_default_client(
    server: LoopbackServer, planted: LoopbackServer
) -> None:
    """The control: what is planted above would have worked."""
    with closing(stripe.RequestsClient(timeout=1)) as client:
        client.request("get", server.url.replace("127.0.0.1", "127.0.0.2"), HEADERS)
    assert len(planted.requests) == 1


def test_tls_is_verified_and_its_keys_are_never_written_down(planted: LoopbackServer) -> None:
    context = stripe_transport._tls_context()
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert context.check_hostname
    assert context.keylog_filename is None
    assert context.minimum_version.name == "TLSv1_2"
    assert context.get_ca_certs()


def test_it_says_nothing_about_itself_but_its_origins(
    transport: PooledTransport, server: LoopbackServer
) -> None:
    post(transport, server.url)
    assert repr(transport) == f"PooledTransport({server.url})"

"""Several processes share one sandbox over loopback; the same faults happen on real sockets."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from stripe_billing_router.gateway.transport import PooledTransport
from stripe_billing_router.testing import ControlError, RemoteSandbox, StripeSandbox
from stripe_billing_router.testing.server import SandboxServer


@pytest.fixture
def server(sandbox: StripeSandbox) -> Iterator[SandboxServer]:
    with sandbox.serve() as server:
        yield server


def connect(url: str) -> stripe.StripeClient:
    """The SDK with the router's own transport."""
    return stripe.StripeClient(
        "sk_live_sandboxfake", base_addresses={"api": url}, http_client=PooledTransport()
    )


def pay(client: stripe.StripeClient, key: str) -> Any:
    return client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "customer": "cus_x",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "off_session": True,
        },
        {"idempotency_key": key},
    )


def test_it_answers_over_a_socket_as_in_the_process(
    server: SandboxServer, sandbox: StripeSandbox
) -> None:
    client = connect(server.url)
    intent = pay(client, "k")
    assert (intent.status, pay(client, "k").id) == ("succeeded", intent.id)
    assert client.v1.customers.delete("cus_bare").deleted
    assert client.v1.payment_intents.list({"customer": "cus_x"}).data[0].id == intent.id
    sandbox.faults.decline()
    with pytest.raises(stripe.CardError):
        pay(client, "k2")
    assert client.v1.accounts.retrieve_current().id == sandbox.account_id


@pytest.mark.parametrize(("fault", "executed"), [("lose_reply", 1), ("truncate", 1), ("refuse", 0)])
def test_faults_of_the_connection_really_break_it(
    server: SandboxServer, sandbox: StripeSandbox, fault: str, executed: int
) -> None:
    client = connect(server.url)
    pay(client, "before")
    RemoteSandbox(server.url).fault(fault)
    with pytest.raises(stripe.APIConnectionError) as caught:
        pay(client, "k")
    assert caught.value.not_sent is False  # type: ignore[attr-defined]
    assert len(sandbox.effects()) == 1 + executed
    assert pay(client, "k").status == "succeeded"
    assert len(sandbox.effects()) == 2


def test_the_connection_is_kept_open_between_requests(server: SandboxServer) -> None:
    client = connect(server.url)
    connections = set()
    for number in range(3):
        pay(client, str(number))
        connections.add(len(server._http._open))
    assert connections == {1}


def test_many_threads_at_once(server: SandboxServer, sandbox: StripeSandbox) -> None:
    def work(number: int) -> None:
        client = connect(server.url)
        for turn in range(5):
            pay(client, f"{number}.{turn}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.captured_minor() == 16 * 5 * 1000


def _pay_in_another_process(url: str) -> None:
    client = connect(url)
    for number in range(3):
        pay(client, str(number))


def test_processes_that_share_keys_pay_once(server: SandboxServer, sandbox: StripeSandbox) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_pay_in_another_process, args=(server.url,)) for _ in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert sandbox.captured_minor() == 3000
    assert sandbox.count("POST /v1/payment_intents") == 6


def test_another_process_can_seed_script_and_count(
    server: SandboxServer, sandbox: StripeSandbox
) -> None:
    remote = RemoteSandbox(server.url)
    remote.call("add_customer", customer="cus_far", payment_method="pm_card_visa")
    remote.call("advance", hours=1)
    remote.fault("decline", code="lost_card")
    assert remote.call("faults/pending") == 1
    with pytest.raises(stripe.CardError):
        pay(connect(server.url), "k")
    pay(connect(server.url), "k2")
    assert remote.count("POST /v1/payment_intents") == 2
    assert (remote.captured_minor(), remote.refunded_minor()) == (1000, 0)
    assert remote.effects() == sandbox.effects()
    assert remote.requests() == sandbox.requests
    assert "cus_far" in remote.objects("customer")
    with pytest.raises(ControlError, match="no command 'drop_everything'"):
        remote.call("drop_everything")
    with pytest.raises(ControlError, match="TypeError"):
        remote.call("advance", fortnights=1)


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "stripe_billing_router.testing", "--account", "acct_sandboxcli",
            "--customer", "cus_x", "--price", "price_x:500:eur", "--price", "price_m:9:eur:year",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        url = process.stdout.readline().split()[-1]
        client = connect(url)
        assert client.v1.accounts.retrieve_current().id == "acct_sandboxcli"
        assert client.v1.prices.retrieve("price_x").unit_amount == 500
        assert client.v1.prices.retrieve("price_m").recurring is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

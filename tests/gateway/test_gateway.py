"""The gateway: plain data in and out, one send per call, and nothing sent that must not be."""

import copy
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stripe_billing_router.core.calls import CallFailedError, Failure, FailureKind, StripeCall
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.gateway.gateway import API_VERSION, StripeGateway
from stripe_billing_router.gateway.methods import RESERVED_PARAMS
from support.loopback import Answer, LoopbackServer, Request
from support.payments import CREATE, INTENT, PLANTED_KEY


def failure(gateway: StripeGateway, call: StripeCall, key: str | None = "key-1") -> Failure:
    with pytest.raises(CallFailedError) as caught:
        gateway.send(call, idempotency_key=key)
    return caught.value.failure


def test_a_reply_is_stripes_json_and_the_headers_that_count(
    gateway: StripeGateway, server: LoopbackServer
) -> None:
    server.respond = lambda _request: Answer.json(
        INTENT, Stripe_Account="acct_1", Idempotent_Replayed="true", Set_Cookie="a=b"
    )
    reply = gateway.send(CREATE, idempotency_key="key-1")
    assert reply.body == INTENT
    assert isinstance(reply.body, dict)
    assert reply.request_id == "req_1"
    assert dict(reply.headers) == {
        "request-id": "req_1",
        "stripe-account": "acct_1",
        "idempotent-replayed": "true",
    }


def test_a_write_goes_out_with_its_key_once(gateway: StripeGateway, server: LoopbackServer) -> None:
    gateway.send(CREATE, idempotency_key="key-1")
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/payment_intents")
    assert request.form == {"amount": "1000", "currency": "usd", "customer": "cus_1"}
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["authorization"] == f"Bearer {PLANTED_KEY}"
    assert request.headers["stripe-version"] == API_VERSION
    assert "x-stripe-client-telemetry" not in request.headers


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("payment_intents.retrieve", INTENT),
        ("customers.delete", {"id": "pi_1", "object": "customer", "deleted": True}),
    ],
)
def test_reads_and_deletes_go_out_without_a_key(
    gateway: StripeGateway, server: LoopbackServer, method: str, answer: dict[str, Any]
) -> None:
    server.respond = lambda _request: Answer.json(answer)
    gateway.send(StripeCall("step", method, target="pi_1"), idempotency_key="key-1")
    assert "idempotency-key" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (CREATE, None),
        (CREATE, ""),
        (StripeCall("step", "charges.create", {"amount": 1}), "key-1"),
        (StripeCall("step", "payment_intents.create", {}, "pi_1"), "key-1"),
        (StripeCall("step", "payment_intents.cancel"), "key-1"),
        (StripeCall("step", "payment_intents.cancel", target=""), "key-1"),
        (StripeCall("step", "payment_intents.retrieve", target=".."), None),
        *[
            (StripeCall("step", "payment_intents.create", {name: "x"}), "key-1")
            for name in sorted(RESERVED_PARAMS)
        ],
    ],
)
def test_what_must_not_be_sent_is_not(
    gateway: StripeGateway, server: LoopbackServer, call: StripeCall, key: str | None
) -> None:
    assert failure(gateway, call, key).kind is FailureKind.INVALID
    assert server.requests == []


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (CREATE, b""),
        (CREATE, b"<html>"),
        (CREATE, b"[]"),
        (CREATE, b"null"),
        (CREATE, b"\xff\xfe{}"),
        (CREATE, b'{"id": "pi_1", "object": "payment_intent", "amount": NaN}'),
        (CREATE, b"{}"),
        (CREATE, b'{"id": "ch_1", "object": "charge"}'),
        (CREATE, b'{"id": "ch_1", "object": "payment_intent"}'),
        (CREATE, b'{"id": 7, "object": "payment_intent"}'),
        (CREATE, b'{"object": "payment_intent"}'),
        (StripeCall("s", "refunds.create"), b'{"id": "", "object": "refund"}'),
        (StripeCall("s", "invoices.list"), b'{"object": "list", "data": {}}'),
        (StripeCall("s", "invoices.list"), b'{"object": "search_result", "data": []}'),
        (
            StripeCall("s", "payment_intents.cancel", target="pi_1"),
            b'{"id": "pi_2", "object": "payment_intent"}',
        ),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_malformed(
    gateway: StripeGateway, server: LoopbackServer, call: StripeCall, body: bytes
) -> None:
    server.respond = lambda _request: Answer(body=body, headers={"Request-Id": "req_1"})
    seen = failure(gateway, call)
    assert seen.kind is FailureKind.MALFORMED
    assert seen.http_status == 200


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_no_answer_whatever_it_is_escapes_as_another_exception(
    gateway: StripeGateway, server: LoopbackServer, body: bytes
) -> None:
    for answer in (Answer(200, body), Answer(402, body), Answer(500, body)):
        server.respond = partial(_always, answer)
        failure(gateway, CREATE)


def _always(answer: Answer, _request: Request) -> Answer:
    return answer


def test_decimal_fields_stay_exact_and_serialise(
    gateway: StripeGateway, server: LoopbackServer
) -> None:
    price = {"id": "price_1", "object": "price", "unit_amount_decimal": "0.000000000001"}
    server.respond = lambda _request: Answer.json(price)
    reply = gateway.send(
        StripeCall("step", "prices.retrieve", target="price_1"), idempotency_key=None
    )
    assert json.loads(json.dumps(reply.body)) == price
    assert Decimal(reply.body["unit_amount_decimal"]) == Decimal("1e-12")


def test_a_notice_after_the_payment_does_not_turn_it_into_a_failure(
    gateway: StripeGateway, server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Warnings are errors in this suite, as they are under `python -W error`."""
    server.respond = lambda _request: Answer.json(INTENT, Stripe_Notice="an old version")
    assert gateway.send(CREATE, idempotency_key="key-1").body == INTENT
    assert "an old version" in caplog.text


def test_the_control_the_sdk_itself_would_have_raised(server: LoopbackServer) -> None:
    server.respond = lambda _request: Answer.json(INTENT, Stripe_Notice="an old version")
    knows_notices = hasattr(stripe._api_requestor, "_maybe_emit_stripe_notice")
    with closing(stripe.RequestsClient()) as http_client:
        client = stripe.StripeClient(
            "sk_live_fakeControl", base_addresses={"api": server.url}, http_client=http_client
        )
        with pytest.raises(UserWarning) if knows_notices else nullcontext():
            client.v1.payment_intents.create({"amount": 1, "currency": "usd"})


def test_sixteen_threads_share_one_gateway(gateway: StripeGateway, server: LoopbackServer) -> None:
    server.respond = lambda request: Answer.json({**INTENT, "id": f"pi_{request.form['amount']}"})

    def create(amount: int) -> str:
        call = StripeCall("step", "payment_intents.create", {"amount": amount})
        return str(gateway.send(call, idempotency_key=f"key-{amount}").body["id"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(create, range(320))) == [f"pi_{n}" for n in range(320)]
    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert len(server.requests) == len(keys) == 320


def test_the_account_of_the_key_is_asked_for(
    gateway: StripeGateway, server: LoopbackServer
) -> None:
    server.respond = lambda _request: Answer.json({"id": "acct_9", "object": "account"})
    assert gateway.account_id() == "acct_9"
    assert server.requests[0].path == "/v1/account"


class Interrupting(stripe.HTTPClient):
    name = "interrupting"

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def request(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_an_interrupt_passes_but_without_the_frames_that_hold_the_key(
    error: BaseException,
) -> None:
    gateway = StripeGateway(Secret(PLANTED_KEY), http_client=Interrupting(error))
    with pytest.raises(type(error)) as caught:
        gateway.send(CREATE, idempotency_key="key-1")
    assert [entry.name for entry in caught.traceback][1:] == ["send"]
    assert caught.value.__context__ is None


@pytest.mark.parametrize("error", [TypeError(PLANTED_KEY), RuntimeError(), MemoryError()])
def test_anything_unexpected_from_a_client_is_of_unknown_effect(error: Exception) -> None:
    gateway = StripeGateway(Secret(PLANTED_KEY), http_client=Interrupting(error))
    seen = failure(gateway, CREATE)
    assert seen.kind is FailureKind.OTHER
    assert PLANTED_KEY not in repr(seen)


def test_the_sdk_itself_never_has_the_key(gateway: StripeGateway) -> None:
    assert gateway._client._requestor.api_key == "withheld"


def test_a_gateway_is_neither_copied_nor_pickled(gateway: StripeGateway) -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(gateway)


def test_a_client_from_outside_is_not_closed() -> None:
    class Client(Interrupting):
        def close(self) -> None:
            raise AssertionError

    StripeGateway(Secret(PLANTED_KEY), http_client=Client(ValueError())).close()


WRITING = """
import sys
from stripe_billing_router.gateway.gateway import StripeGateway
from stripe_billing_router.core.calls import StripeCall
from stripe_billing_router.core.secret import Secret
gateway = StripeGateway(Secret("sk_live_fakeKey"), api_base=sys.argv[1])
for number in range(2):
    call = StripeCall("create", "payment_intents.create", {"amount": 1})
    gateway.send(call, idempotency_key=f"key-{number}")
"""


def test_nothing_is_written_below_the_home_folder(server: LoopbackServer, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run(
        [sys.executable, "-c", WRITING, server.url], check=True, env=environment, timeout=60
    )
    assert len(server.requests) == 2
    assert list(tmp_path.iterdir()) == []

"""Planted keys and client secrets are looked for wherever a call could leave them."""

import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from stripe_billing_router.core.calls import CallFailedError, WriteEffect
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.domain.failures import public_error
from stripe_billing_router.errors import BillingError
from stripe_billing_router.gateway.gateway import StripeGateway
from support.loopback import Answer, LoopbackServer
from support.payments import CREATE, INTENT, PLANTED_KEY

CLIENT_SECRET = "pi_1_secret_fakePlantedClientSecret"
PLANTED = (PLANTED_KEY, CLIENT_SECRET)

PAID = {**INTENT, "client_secret": CLIENT_SECRET}
DECLINED = {
    "error": {
        "type": "card_error",
        "message": f"Declined; key {PLANTED_KEY}, secret {CLIENT_SECRET}",
        "payment_intent": PAID,
    }
}

ANSWERS = {
    "paid": Answer.json(PAID),
    "declined": Answer.json(DECLINED, 402),
    "bad key": Answer.json({"error": {"message": f"Invalid API Key: {PLANTED_KEY}"}}, 401),
    "fault": Answer.json(DECLINED, 500),
    "truncated": Answer(raw=b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"a', then="close"),
    "not JSON": Answer(body=f"{PLANTED_KEY} {CLIENT_SECRET}".encode()),
    "not JSON, an error": Answer(500, f"{PLANTED_KEY} {CLIENT_SECRET}".encode()),
    "another object": Answer.json({**PAID, "object": "charge"}),
    "silence": Answer(raw=b"", then="hang"),
}


def use(gateway: StripeGateway) -> BillingError:
    """Make a call as the engine does, down to the error that a bot sees."""
    try:
        gateway.send(CREATE, idempotency_key="key-1")
    except CallFailedError as failed:
        failure = failed.failure
        shown = "".join(
            traceback.TracebackException.from_exception(failed, capture_locals=True).format()
        )
    else:
        raise AssertionError("the call was to fail")
    error = public_error(failure, WriteEffect.UNKNOWN, action="charge")
    error.add_note(shown)
    return error


def everything_shown(error: BillingError) -> str:
    told = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return "\n".join([str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error)), *told])


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "paid"])
def test_no_failure_shows_a_secret(
    gateway: StripeGateway, server: LoopbackServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.respond = lambda _request: ANSWERS[name]
    shown = everything_shown(use(gateway)) + caplog.text
    assert [planted for planted in PLANTED if planted in shown] == []


def test_a_success_shows_no_secret_but_in_the_body_itself(
    gateway: StripeGateway, server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.respond = lambda _request: ANSWERS["paid"]
    reply = gateway.send(CREATE, idempotency_key="key-1")
    assert reply.whole is not None
    assert reply.whole["client_secret"] == CLIENT_SECRET
    assert "client_secret" not in reply.body
    shown = caplog.text + repr(reply) + repr(gateway) + repr(vars(gateway))
    assert [planted for planted in PLANTED if planted in shown] == []
    assert "API response body" in caplog.text, "the SDK did log what it was given"


def test_a_client_that_raises_with_the_key_in_its_frames_shows_nothing(
    server: LoopbackServer,
) -> None:
    class Leaking(stripe.HTTPClient):
        name = "leaking"

        def request(self, method: str, url: str, headers: Any, *_: Any, **__: Any) -> Any:
            in_a_frame = dict(headers)
            raise ValueError(method, url, in_a_frame)

    gateway = StripeGateway(Secret(PLANTED_KEY), api_base=server.url, http_client=Leaking())
    assert PLANTED_KEY not in everything_shown(use(gateway))


CALLING = """
import logging, sys
from stripe_billing_router.gateway.gateway import StripeGateway
from stripe_billing_router.core.calls import CallFailedError, StripeCall
from stripe_billing_router.core.secret import Secret
logging.basicConfig(level=logging.DEBUG)
gateway = StripeGateway(Secret(sys.stdin.read()), api_base=sys.argv[1])
for number in range(2):
    call = StripeCall("create", "payment_intents.create", {"amount": 1})
    try:
        print(gateway.send(call, idempotency_key=f"key-{number}"))
    except CallFailedError as error:
        print(repr(error), error.failure)
"""


@pytest.mark.parametrize("name", ["paid", "declined", "not JSON"])
def test_the_sdks_own_debug_output_shows_no_secret(server: LoopbackServer, name: str) -> None:
    """`STRIPE_LOG=debug` makes the SDK print what it sends and gets, past all logging filters."""
    server.respond = lambda _request: ANSWERS[name]
    result = subprocess.run(
        [sys.executable, "-c", CALLING, server.url],
        input=PLANTED_KEY,
        env={**os.environ, "STRIPE_LOG": "debug"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    shown = result.stdout + result.stderr
    assert "API response body" in shown
    assert [planted for planted in PLANTED if planted in shown] == []


@pytest.mark.parametrize(
    "show", [str, repr, "{}".format, "%s".__mod__, lambda text: f"{text!r:>9}"]
)
def test_a_body_cannot_be_printed_by_accident(
    server: LoopbackServer, gateway: StripeGateway, show: Callable[[Any], str]
) -> None:
    server.respond = lambda _request: ANSWERS["paid"]
    response = gateway._client.raw_request("get", "/v1/payment_intents/pi_1")
    assert CLIENT_SECRET not in show(response.body)

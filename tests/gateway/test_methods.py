"""The table of requests, row by row against what the installed SDK's own methods send."""

from typing import Any

import pytest
import stripe

from stripe_billing_router.core.calls import CallFailedError, FailureKind, StripeCall
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.gateway.gateway import StripeGateway
from stripe_billing_router.gateway.methods import METHODS, RESERVED_PARAMS

# Nested, listed, boolean and metadata parameters: whatever a flow sends has one of these forms.
PARAMS: dict[str, Any] = {
    "amount": 1999,
    "confirm": True,
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "items": [{"price": "price_1", "quantity": 1}],
    "metadata": {"sbr_operation": "op_1", "ünïcode": "a&b=c"},
    "expand": ["data.payment"],
}

Sent = tuple[str, str, Any, str | None]


class Recorder(stripe.HTTPClient):
    """Answers nothing of use; keeps what was asked."""

    name = "recorder"

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    def request(
        self, method: str, url: str, headers: Any, post_data: Any = None, **_kwargs: Any
    ) -> tuple[Any, int, Any]:
        self.sent.append((method, url, post_data, headers.get("Idempotency-Key")))
        return "{}", 200, {}


def sent_by_sdk(name: str, target: str | None) -> Sent:
    recorder = Recorder()
    method: Any = stripe.StripeClient("sk_live_fakeKey", http_client=recorder).v1
    for part in name.split("."):
        method = getattr(method, part)
    options = {"idempotency_key": "key-1"} if METHODS[name].verb == "post" else {}
    method(*([target] if target else []), PARAMS, options)
    return recorder.sent[0]


def sent_by_gateway(name: str, target: str | None) -> Sent:
    recorder = Recorder()
    gateway = StripeGateway(Secret("sk_live_fakeKey"), http_client=recorder)
    with pytest.raises(CallFailedError):
        gateway.send(StripeCall("step", name, PARAMS, target), idempotency_key="key-1")
    return recorder.sent[0]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_each_row_sends_what_the_sdks_own_method_sends(name: str) -> None:
    target = "obj_1/../x y?z#é" if "{}" in METHODS[name].path else None
    ours, theirs = sent_by_gateway(name, target), sent_by_sdk(name, target)
    if target:
        # Both quote everything; the SDK writes a blank as `+`, which in a path is a plus sign.
        theirs = (theirs[0], theirs[1].replace("+", "%20", 1), *theirs[2:])
    assert ours == theirs


def test_only_reads_are_gets() -> None:
    for name, method in METHODS.items():
        assert StripeCall("step", name).writes == (method.verb != "get")


def test_charges_are_never_created() -> None:
    assert "charges.create" not in METHODS


def test_every_option_of_the_sdk_is_reserved() -> None:
    options = stripe.RequestOptions.__annotations__
    assert set(options) <= RESERVED_PARAMS


# What stripe-mock asks for at least, where it asks for anything.
NEEDED: dict[str, dict[str, Any]] = {
    "checkout.sessions.create": {
        "mode": "payment",
        "success_url": "https://example.com/s",
        "line_items": [{"price": "price_1", "quantity": 1}],
    },
    "invoice_items.create": {
        "customer": "cus_1",
        "invoice": "in_1",
        "pricing": {"price": "price_1"},
    },
    "invoice_payments.list": {"invoice": "in_1"},
    "payment_intents.create": {
        "amount": 1999,
        "currency": "usd",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "confirm": True,
        "off_session": True,
        "error_on_requires_action": True,
    },
    "payment_intents.search": {"query": "metadata['sbr_operation']:'op_1'"},
    "subscriptions.create": {
        "customer": "cus_1",
        "items": [{"price": "price_1"}],
        "payment_behavior": "error_if_incomplete",
    },
}


@pytest.mark.stripe_mock
@pytest.mark.parametrize("name", sorted(METHODS))
def test_each_row_is_a_request_that_stripe_mock_knows(name: str, stripe_mock_url: str) -> None:
    method = METHODS[name]
    prefix = method.id_prefix or f"{method.object[:2]}_"
    target = f"{prefix}abc" if "{}" in method.path else None
    gateway = StripeGateway(Secret("sk_test_123"), api_base=stripe_mock_url)
    call = StripeCall("step", name, NEEDED.get(name, {}), target)
    try:
        reply = gateway.send(call, idempotency_key="key-1")
    except CallFailedError as error:
        # stripe-mock invents an id where this path has one: the gateway is right to refuse that.
        assert name == "checkout.sessions.expire"
        assert error.failure.kind is FailureKind.MALFORMED  # noqa: PT017
    else:
        assert reply.body["object"] == method.object
    finally:
        gateway.close()

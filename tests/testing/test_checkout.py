"""Checkout sessions open, expire and are paid by a customer who is at Stripe's page."""

from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox


def opened(client: stripe.StripeClient, **more: Any) -> Any:
    params: Any = {
        "mode": "payment",
        "line_items": [{"price": "price_once", "quantity": 2}],
        "success_url": "https://example.com/s",
        "customer": "cus_x",
        **more,
    }
    return client.v1.checkout.sessions.create(params)


def test_an_open_session_has_taken_nothing(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    session = opened(client)
    assert (session.status, session.payment_status, session.payment_intent) == (
        "open",
        "unpaid",
        None,
    )
    assert (session.amount_total, session.currency) == (4000, "usd")
    assert session.id.startswith("cs_live_")
    assert session.url.endswith(session.id)
    assert session.customer_details.email == "x@example.com"
    assert sandbox.payment_intents == {}


def test_the_customer_pays_it(client: stripe.StripeClient, sandbox: StripeSandbox) -> None:
    session = opened(client, payment_intent_data={"metadata": {"order": "7"}})
    sandbox.complete_checkout(session.id, "pm_card_chargeDeclined")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    sandbox.complete_checkout(session.id)
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (paid.status, paid.payment_status) == ("complete", "paid")
    intent: Any = paid.payment_intent
    assert intent.metadata.to_dict() == {"order": "7"}
    assert sandbox.captured_minor() == 4000
    with pytest.raises(ValueError, match="can no longer be paid"):
        sandbox.complete_checkout(session.id)


def test_the_customer_subscribes(client: stripe.StripeClient, sandbox: StripeSandbox) -> None:
    session = opened(
        client,
        mode="subscription",
        line_items=[{"price": "price_monthly", "quantity": 1}],
        customer=None,
        customer_email="new@example.com",
        subscription_data={"metadata": {"run": "1"}},
    )
    sandbox.complete_checkout(session.id, "pm_card_chargeDeclined")
    assert sandbox.subscriptions == {}
    sandbox.complete_checkout(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "paid")
    made: Any = client.v1.subscriptions.retrieve(str(done.subscription))
    assert (made.status, made.metadata.to_dict()) == ("active", {"run": "1"})
    assert client.v1.customers.retrieve(made.customer).email == "new@example.com"


def test_a_session_expires_once_by_request_or_by_time(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    first, second = opened(client), opened(client)
    assert client.v1.checkout.sessions.expire(first.id).status == "expired"
    sandbox.advance(hours=24)
    assert client.v1.checkout.sessions.retrieve(second.id).status == "expired"
    for session in (first, second):
        with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
            client.v1.checkout.sessions.expire(session.id)
        with pytest.raises(ValueError, match="can no longer be paid"):
            sandbox.complete_checkout(session.id)
    assert len(client.v1.checkout.sessions.list({"status": "expired"}).data) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"success_url": None}, "success_url"),
        ({"mode": None}, "mode"),
        ({"line_items": None}, "line_items"),
        ({"line_items": [{"price": "price_monthly"}]}, "type=recurring"),
        ({"mode": "subscription"}, "type=one_time"),
        ({"line_items": [{"price": "price_once"}, {"price": "price_eur"}]}, "one currency"),
        ({"line_items": [{"price": "price_once", "quantity": 0}]}, "greater than or equal"),
        ({"customer": "cus_none"}, "No such customer"),
        ({"customer_email": "y@example.com"}, "only specify one"),
        ({"payment_method_types": ["card"]}, "unknown parameter: payment_method_types"),
        ({"sucess_url": "https://example.com"}, "unknown parameter: sucess_url"),
    ],
)
def test_what_stripe_would_refuse_is_refused(
    client: stripe.StripeClient, sandbox: StripeSandbox, change: Any, message: str
) -> None:
    sandbox.add_price("price_eur", currency="eur")
    with pytest.raises(stripe.InvalidRequestError, match=message):
        opened(client, **change)
    assert sandbox.checkout_sessions == {}


def test_embedded_and_setup_sessions_go_without_a_success_url(client: stripe.StripeClient) -> None:
    embedded = opened(client, ui_mode="embedded_page", success_url=None)
    assert embedded.url is None
    assert "_secret_" in embedded.client_secret
    setup = opened(client, mode="setup", line_items=None)
    assert (setup.payment_status, setup.amount_total) == ("no_payment_required", None)

"""Subscriptions take their first invoice, or leave nothing, as they were asked to."""

from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox


def subscribe(client: stripe.StripeClient, customer: str = "cus_x", **more: Any) -> Any:
    params: Any = {
        "customer": customer,
        "items": [{"price": "price_monthly", "quantity": 2}],
        "payment_behavior": "error_if_incomplete",
        "off_session": True,
        **more,
    }
    return client.v1.subscriptions.create(params)


def test_the_first_invoice_is_paid_at_once(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    made = subscribe(client, expand=["latest_invoice.payments"], metadata={"run": "1"})
    assert made.status == "active"
    assert (made.latest_invoice.status, made.latest_invoice.amount_paid) == ("paid", 1800)
    assert len(made.latest_invoice.payments.data) == 1
    item = made["items"].data[0]
    assert item.current_period_end - item.current_period_start == 30 * 86400
    assert not hasattr(made, "current_period_end")
    (effect,) = sandbox.effects()
    assert (effect.amount_minor, effect.metadata) == (1800, {"run": "1"})
    (invoice,) = client.v1.invoices.list({"subscription": made.id}).data
    assert (invoice.id, invoice.billing_reason) == (made.latest_invoice.id, "subscription_create")


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeDeclined", "card_declined"),
        ("pm_card_authenticationRequired", "subscription_payment_intent_requires_action"),
    ],
)
def test_error_if_incomplete_leaves_nothing_behind(
    client: stripe.StripeClient, sandbox: StripeSandbox, card: str, code: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        subscribe(client, default_payment_method=card)
    assert caught.value.code == code
    for kind in ("subscription", "invoice", "payment_intent", "charge"):
        assert sandbox.objects(kind) == {}


def test_without_a_payment_method_it_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        subscribe(client, "cus_bare")
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize("behaviour", ["allow_incomplete", "default_incomplete"])
def test_an_incomplete_one_becomes_active_when_its_invoice_is_paid(
    client: stripe.StripeClient, behaviour: str
) -> None:
    made = subscribe(
        client, payment_behavior=behaviour, default_payment_method="pm_card_chargeDeclined"
    )
    assert made.status == "incomplete"
    client.v1.invoices.pay(made.latest_invoice, {"payment_method": "pm_card_visa"})
    assert client.v1.subscriptions.retrieve(made.id).status == "active"


def test_a_trial_takes_nothing(client: stripe.StripeClient, sandbox: StripeSandbox) -> None:
    made = subscribe(client, "cus_bare", trial_period_days=7, expand=["latest_invoice"])
    assert (made.status, made.latest_invoice.amount_paid) == ("trialing", 0)
    assert made.latest_invoice.status == "paid"
    assert sandbox.effects() == []


def test_a_credit_pays_the_first_invoice(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.add_customer("cus_credit", balance=-5000)
    made = subscribe(client, "cus_credit", expand=["latest_invoice"])
    assert (made.status, made.latest_invoice.amount_paid) == ("active", 0)
    assert sandbox.customers["cus_credit"]["balance"] == -3200


def test_a_bank_debit_leaves_it_active_with_an_open_invoice(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    made = subscribe(client, default_payment_method="pm_processing", expand=["latest_invoice"])
    assert (made.status, made.latest_invoice.status) == ("active", "open")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": [{"price": "price_once"}]}, "type=one_time"),
        ({"items": [{"price": "price_none"}]}, "No such price"),
        ({"items": [{"plan": "x", "price": "price_monthly"}]}, "does not model"),
        ({"items": [{"price": "price_monthly"}, {"price": "price_daily"}]}, "one interval"),
        ({"items": "price_monthly"}, "Invalid array"),
        ({"items": [{"quantity": 1}]}, "Missing required param"),
        ({"default_payment_method": "pm_none"}, "No such PaymentMethod"),
    ],
)
def test_what_stripe_would_refuse_is_refused(
    client: stripe.StripeClient, sandbox: StripeSandbox, change: Any, message: str
) -> None:
    sandbox.add_price("price_daily", recurring=True, interval="day")
    with pytest.raises(stripe.InvalidRequestError, match=message):
        subscribe(client, **change)
    assert sandbox.subscriptions == {}


def test_cancelling_ends_it_once_and_keeps_it_readable(client: stripe.StripeClient) -> None:
    made = subscribe(client)
    params: Any = {"invoice_now": False, "prorate": False}
    assert client.v1.subscriptions.cancel(made.id, params).status == "canceled"
    assert client.v1.subscriptions.retrieve(made.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.subscriptions.cancel(made.id, params)
    assert caught.value.http_status == 404
    assert client.v1.subscriptions.list({"customer": "cus_x"}).data == []
    for status in ("all", "ended", "canceled"):
        listed = client.v1.subscriptions.list({"status": status, "price": "price_monthly"})
        assert [one.id for one in listed.data] == [made.id]


def test_proration_at_the_end_is_not_modelled(client: stripe.StripeClient) -> None:
    made = subscribe(client)
    with pytest.raises(stripe.InvalidRequestError, match="does not model"):
        client.v1.subscriptions.cancel(made.id, {"prorate": True})


def test_deleting_a_customer_ends_their_subscriptions(client: stripe.StripeClient) -> None:
    made = subscribe(client)
    client.v1.customers.delete("cus_x")
    assert client.v1.subscriptions.retrieve(made.id).status == "canceled"

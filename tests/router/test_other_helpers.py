"""Subscriptions, refunds, checkout sessions, customers and the balance."""

from decimal import Decimal
from typing import Any

import pytest

from stripe_billing_router import (
    InputError,
    InvalidAmountError,
    InvalidIdentifierError,
    PaymentDeclinedError,
    RequestRejectedError,
    RouteKeyOverrideError,
)
from support.platform import BOT, Platform


def test_a_subscription_takes_its_first_invoice(platform: Platform) -> None:
    receipt = platform.router.create_subscription(BOT)
    assert (receipt.object, receipt.status, receipt.paid) == ("subscription", "active", True)
    assert (receipt.amount, receipt.currency) == (Decimal("9.00"), "usd")
    row = platform.rows[0]
    assert (row.action_type, row.amount, row.error) == ("subscription", Decimal("9.00"), 0)
    assert row.user_email == "finance@example.com"
    params = platform.requests[-1].params
    assert params["payment_behavior"] == "error_if_incomplete"


def test_a_declined_subscription_leaves_nothing(platform: Platform) -> None:
    with pytest.raises(PaymentDeclinedError):
        platform.router.create_subscription(BOT, default_payment_method="pm_card_chargeDeclined")
    assert platform.sandbox.subscriptions == {}
    assert platform.kinds == [("subscription", 1)]


def test_a_one_time_price_is_stripes_to_refuse(platform: Platform) -> None:
    with pytest.raises(RequestRejectedError):
        platform.router.create_subscription(BOT, price_id="price_finance_standard")


def test_a_refund_is_partial_or_of_what_is_left(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    part = platform.router.refund(BOT, paid.id, amount="3.50", reason="requested_by_customer")
    assert (part.paid, part.amount) == (True, Decimal("3.50"))
    rest = platform.router.refund(BOT, paid.id)
    assert rest.amount == Decimal("6.50")
    assert [row.amount for row in platform.rows if row.action_type == "refund"] == [
        Decimal("3.50"),
        Decimal("6.50"),
    ]
    assert platform.sandbox.refunded_minor() == 1000


def test_more_than_what_is_left_is_refused_before_anything_is_posted(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    platform.router.refund(BOT, paid.id, amount=4)
    platform.mark()
    with pytest.raises(InvalidAmountError) as caught:
        platform.router.refund(BOT, paid.id, amount="6.01")
    assert "6.00 usd" in str(caught.value)
    assert {request.method for request in platform.requests} == {"GET"}
    assert platform.sandbox.refunded_minor() == 400


def test_nothing_left_is_stripes_word(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    platform.router.refund(BOT, paid.id)
    with pytest.raises(RequestRejectedError) as caught:
        platform.router.refund(BOT, paid.id)
    assert caught.value.stripe_code == "charge_already_refunded"


def test_a_refund_is_in_the_payments_currency_whatever_the_route_says(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 1500, currency="jpy")
    receipt = platform.router.refund(BOT, paid.id, amount=500)
    assert (receipt.amount, receipt.currency) == (Decimal(500), "jpy")
    with pytest.raises(InvalidAmountError):
        platform.router.refund(BOT, paid.id, amount="0.50")


def test_an_invoice_is_refunded_through_its_payment(platform: Platform) -> None:
    paid = platform.router.charge(BOT)
    receipt = platform.router.refund(BOT, paid.id, amount=5)
    assert (receipt.object, receipt.amount) == ("refund", Decimal("5.00"))
    assert platform.sandbox.refunded_minor() == 500


def test_an_invoice_without_a_payment_cannot_be_refunded(platform: Platform) -> None:
    platform.sandbox.add_customer("cus_credit", payment_method="pm_card_visa", balance=-5000)
    paid = platform.router.charge(BOT, customer_id="cus_credit")
    with pytest.raises(InputError) as caught:
        platform.router.refund(BOT, paid.id)
    assert "credit note" in str(caught.value)


@pytest.mark.parametrize("payment", ["ch_test", "", None, "pi_", "pi_a/../x", 7])
def test_only_payment_intents_and_invoices_are_refunded(platform: Platform, payment: Any) -> None:
    with pytest.raises(InvalidIdentifierError):
        platform.router.refund(BOT, payment)
    assert platform.requests == []


def test_a_reason_is_one_of_stripes(platform: Platform) -> None:
    with pytest.raises(InputError) as caught:
        platform.router.refund(BOT, "pi_1", reason="because")
    assert "requested_by_customer" in str(caught.value)


def test_a_pending_refund_is_open_and_settles_later(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    platform.sandbox.faults.refund_status("pending")
    receipt = platform.router.refund(BOT, paid.id, idempotency_key="r-1")
    assert (receipt.paid, receipt.status) == (False, "pending")
    platform.sandbox.settle_refund(receipt.id)
    assert platform.router.refund(BOT, paid.id, idempotency_key="r-1").paid
    assert platform.kinds == [("charge", 0), ("refund_open", 0), ("refund", 0)]


def test_a_failed_refund_is_a_failure(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    platform.sandbox.faults.refund_status("failed")
    with pytest.raises(RequestRejectedError):
        platform.router.refund(BOT, paid.id)
    assert platform.kinds == [("charge", 0), ("refund", 1)]


def test_a_lost_reply_to_a_partial_refund_refunds_once(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 100)
    platform.sandbox.faults.lose_reply(method="POST", path="/v1/refunds")
    router = platform.another_router(give_up_after_s=5)
    router.refund(BOT, paid.id, amount=30)
    assert platform.sandbox.refunded_minor() == 3000


def test_a_checkout_session_defaults_to_the_route(platform: Platform) -> None:
    receipt = platform.router.create_checkout_session(
        BOT, {"success_url": "https://example.com/s", "cancel_url": "https://example.com/c"}
    )
    params = platform.requests[-1].params
    assert params["mode"] == "payment"
    assert params["customer"] == "cus_finance_default"
    assert params["line_items"][0]["price"] == "price_finance_standard"
    assert receipt["url"].startswith("https://")
    assert not receipt.paid
    assert platform.kinds == [("checkout_session", 0)]


def test_a_checkout_session_needs_its_success_url(platform: Platform) -> None:
    with pytest.raises(InputError):
        platform.router.create_checkout_session(BOT)
    assert platform.requests == []


@pytest.mark.parametrize(
    "params",
    [
        {"on_behalf_of": "acct_1"},
        {"customer": "cus_other"},
        {"payment_intent_data": {"transfer_data": {"destination": "acct_1"}}},
        {"line_items": [{"price_data": {"unit_amount": 1}}]},
        {"line_items": [{"price": "price_1", "quantity": 0}]},
        {"line_items": []},
        {"automatic_tax": {"enabled": True, "liability": {"account": "acct_1"}}},
        {"idempotency_key": "k"},
        {"stripe_account": "acct_1"},
        {"mode": "gift"},
        {"consent_collection": {"x": object()}},
        {"expires_at": float("nan")},
    ],
)
def test_parameters_outside_the_allow_list_send_nothing(
    platform: Platform, params: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        platform.router.create_checkout_session(
            BOT, {"success_url": "https://example.com/s", **params}
        )
    assert platform.requests == []


@pytest.mark.parametrize("name", ["secret_key", "public_key", "api_key"])
def test_a_key_in_a_call_is_refused_and_never_repeated(platform: Platform, name: str) -> None:
    planted = "sk_live_sandboxfakePlanted"
    arguments: dict[str, Any] = {name: planted}
    with pytest.raises(RouteKeyOverrideError) as caught:
        platform.router.create_subscription(BOT, **arguments)
    assert planted not in str(caught.value)
    assert platform.requests == []


def test_a_customer_is_created_with_what_was_given(platform: Platform) -> None:
    receipt = platform.router.create_customer(
        BOT, {"email": "bot@example.com", "metadata": {"team": "a"}}
    )
    stored = platform.sandbox.customers[receipt.id]
    assert (stored["email"], stored["metadata"]["team"]) == ("bot@example.com", "a")
    row = platform.rows[0]
    assert (row.action_type, row.user_email, row.amount) == ("customer", "bot@example.com", None)


def test_a_customer_key_replays_and_conflicts(platform: Platform) -> None:
    first = platform.router.create_customer(BOT, {"email": "a@example.com"}, idempotency_key="c")
    again = platform.router.create_customer(BOT, {"email": "a@example.com"}, idempotency_key="c")
    assert (again.id, again.replayed) == (first.id, True)


def test_the_balance_is_exact_and_of_one_currency(platform: Platform) -> None:
    platform.sandbox.set_balance("usd", 123456)
    platform.sandbox.set_balance("jpy", 1234)
    assert platform.router.get_balance(BOT) == Decimal("1234.56")
    assert platform.router.get_balance(BOT, currency="JPY") == Decimal(1234)
    assert platform.router.get_balance(BOT, currency="gbp") == 0
    assert platform.router.get_balance(BOT, overrides={"region": "eu"}) == 0
    platform.sandbox.set_balance("usd", -250)
    assert platform.router.get_balance(BOT) == Decimal("-2.50")
    assert {row.action_type for row in platform.rows} == {"balance"}

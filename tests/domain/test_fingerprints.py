"""What makes two calls "the same": what is bought, never how it is paid, worded or labelled.

There are two fingerprints, of what was resolved and of what was asked; either being equal means
the same, so that a retry stays a retry when the operator has changed the route in between.
"""

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.domain.operations.balance import intent_to_read_balance
from stripe_billing_router.domain.operations.charge import intent_to_charge
from stripe_billing_router.domain.operations.checkout import intent_to_check_out
from stripe_billing_router.domain.operations.customer import intent_to_create_customer
from stripe_billing_router.domain.operations.intent import Intent
from stripe_billing_router.domain.operations.refund import intent_to_refund
from stripe_billing_router.domain.operations.subscription import intent_to_subscribe
from support.routes import FULL, LEAST, NO_ARGUMENTS, resolved

URL = {"success_url": "https://x.example"}


def charge(route: dict[str, Any] = FULL, **given_: Any) -> Intent:
    given_ = {**NO_ARGUMENTS, **given_}
    return intent_to_charge(resolved(route, given_["overrides"]), **given_)


def subscription(route: dict[str, Any] = FULL, **given_: Any) -> Intent:
    given_ = {"price_id": None, "customer_id": None, "overrides": None, "params": {}, **given_}
    return intent_to_subscribe(resolved(route, given_["overrides"]), **given_)


def refund(payment_id: str = "pi_1", **given_: Any) -> Intent:
    given_ = {"amount": None, "reason": None, "overrides": None, "params": {}, **given_}
    return intent_to_refund(resolved(FULL, given_["overrides"]), payment_id, **given_)


def checkout(route: dict[str, Any] = FULL, overrides: Any = None, **params: Any) -> Intent:
    found = resolved(route, overrides)
    return intent_to_check_out(found, {**URL, **params}, overrides=overrides)


def customer(overrides: Any = None, **info: Any) -> Intent:
    return intent_to_create_customer(resolved(FULL, overrides), info, overrides=overrides)


def same(one: Intent, other: Intent) -> bool:
    """Tell what the engine asks: is either fingerprint equal?"""
    return (
        one.fingerprint == other.fingerprint or one.request_fingerprint == other.request_fingerprint
    )


class TestAmount:
    @pytest.mark.parametrize("amount", [10, "10", "10.0", "10.00", 10.0, Decimal("10.000")])
    def test_however_it_is_written(self, amount: Any) -> None:
        for instruction in charge, refund:
            one, other = instruction(amount=amount), instruction(amount=10)
            assert one.fingerprint == other.fingerprint
            assert one.request_fingerprint == other.request_fingerprint

    @pytest.mark.parametrize("amount", [1, 100, "10.01", "9.99", None])
    def test_another_one_is_another_purchase(self, amount: Any) -> None:
        assert not same(charge(amount=amount), charge(amount=10))
        assert not same(refund(amount=amount), refund(amount=10))

    @given(st.integers(1, 9_999_999), st.integers(1, 3))
    def test_a_callers_decimal_context_changes_nothing(self, minor: int, precision: int) -> None:
        amount = f"{minor // 100}.{minor % 100:02}"
        usual, usual_charge = refund(amount=amount), charge(amount=amount)
        with localcontext() as context:
            context.prec = precision
            assert refund(amount=amount) == usual
            assert charge(amount=amount) == usual_charge
        assert Decimal(str(usual.instruction.amount)) == Decimal(amount)
        assert not str(usual.instruction.amount).endswith((".", ".0"))

    def test_whole_hundreds_keep_their_zeros(self) -> None:
        assert refund(amount=100).instruction.amount == "100"
        assert refund(amount="1200.50").instruction.amount == "1200.5"


DIFFERENT_CHARGES: list[dict[str, Any]] = [
    {"amount": 10},
    {"amount": 10, "currency": "usd"},
    {"amount": 10, "customer_id": "cus_other"},
    {"amount": 10, "overrides": {"plan": "gold"}},
    {"amount": 11},
    {},
    {"price_id": "price_other"},
    {"currency": "usd"},
    {"customer_id": "cus_other"},
    {"overrides": {"plan": "gold"}},
]


@pytest.mark.parametrize("one", range(len(DIFFERENT_CHARGES)))
@pytest.mark.parametrize("other", range(len(DIFFERENT_CHARGES)))
def test_charges_differ_by_kind_amount_currency_price_customer_and_overrides(
    one: int, other: int
) -> None:
    intent = charge(**DIFFERENT_CHARGES[one]), charge(**DIFFERENT_CHARGES[other])
    assert same(*intent) is (one == other)


@pytest.mark.parametrize(
    "how",
    [
        {"payment_method": "pm_other"},
        {"description": "reworded"},
        {"metadata": {"try": 2}},
    ],
)
@pytest.mark.parametrize("what", [{"amount": 10}, {"price_id": "price_1"}, {}])
def test_how_a_charge_is_paid_or_worded_does_not_matter(
    how: dict[str, Any], what: dict[str, Any]
) -> None:
    one, other = charge(**what), charge(**what, **how)
    assert one.fingerprint == other.fingerprint
    assert one.request_fingerprint == other.request_fingerprint


def test_a_word_for_what_is_the_default_is_the_same_purchase() -> None:
    """A bot may begin to name what its route says: what is bought is what it was."""
    assert same(charge(amount=10), charge(amount=10, currency="EUR", customer_id="cus_route"))
    assert same(charge(), charge(price_id="price_route"))
    assert same(checkout(), checkout(line_items=[{"price": "price_route"}]))
    assert same(checkout(), checkout(mode="payment"))
    assert same(charge(overrides={}), charge())


class TestRouteChanged:
    """The operator edits the route between a call and its retry; the key is still the same."""

    @property
    def changed(self) -> dict[str, Any]:
        return {
            **FULL, "price_id": "price_new", "subscription_price_id": "price_new_monthly",
            "customer_id": "cus_new", "currency": "gbp",
        }  # fmt: skip

    def test_the_same_request_stays_the_same(self) -> None:
        for instruction in charge, subscription, checkout:
            assert same(instruction(), instruction(self.changed))
            assert instruction().fingerprint != instruction(self.changed).fingerprint
        assert same(charge(amount=10), charge(self.changed, amount=10))

    def test_another_request_is_another_purchase(self) -> None:
        assert not same(charge(amount=10), charge(self.changed, amount=11))
        assert not same(charge(), charge(self.changed, price_id="price_other"))
        assert not same(subscription(), subscription(self.changed, price_id="price_other"))
        items = [{"price": "price_other"}]
        assert not same(checkout(), checkout(self.changed, line_items=items))


def test_subscriptions_differ_by_price_customer_and_overrides() -> None:
    intent = [
        subscription(),
        subscription(price_id="price_other"),
        subscription(customer_id="cus_other"),
        subscription(overrides={"plan": "gold"}),
    ]
    assert not any(same(one, other) for one in intent for other in intent if one is not other)
    how = {"default_payment_method": "pm_other", "description": "x", "metadata": {"a": "b"}}
    assert intent[0].fingerprint == subscription(params=how).fingerprint
    assert intent[0].request_fingerprint == subscription(params=how).request_fingerprint


def test_refunds_differ_by_payment_amount_and_overrides() -> None:
    intent = [
        refund(),
        refund(amount=10),
        refund("pi_2"),
        refund("in_1"),
        refund(overrides={"plan": "gold"}),
    ]
    assert not any(same(one, other) for one in intent for other in intent if one is not other)
    how: dict[str, Any] = {"reason": "duplicate", "params": {"metadata": {"a": "b"}}}
    assert intent[0].fingerprint == refund(**how).fingerprint
    assert intent[0].request_fingerprint == refund(**how).request_fingerprint


def test_checkout_sessions_differ_by_mode_items_customer_and_overrides() -> None:
    intent = [
        checkout(),
        checkout(mode="subscription"),
        checkout(mode="setup"),
        checkout(line_items=[{"price": "price_route", "quantity": 2}]),
        checkout(overrides={"plan": "gold"}),
    ]
    assert not any(same(one, other) for one in intent for other in intent if one is not other)
    assert intent[0].fingerprint != checkout({**FULL, "customer_id": "cus_new"}).fingerprint
    how = checkout(metadata={"a": "b"}, locale="de")
    assert intent[0].fingerprint == how.fingerprint
    assert intent[0].request_fingerprint == how.request_fingerprint


def test_customers_differ_by_who_they_are() -> None:
    intent = [
        customer(email="a@example.com"),
        customer(email="b@example.com"),
        customer(email="a@example.com", name="A"),
        customer(email="a@example.com", overrides={"plan": "gold"}),
    ]
    assert not any(same(one, other) for one in intent for other in intent if one is not other)
    how = customer(
        email="a@example.com", description="reworded", payment_method="pm_new",
        invoice_settings={"default_payment_method": "pm_new"}, metadata={"a": "b"},
    )  # fmt: skip
    assert intent[0].fingerprint == how.fingerprint
    assert intent[0].request_fingerprint == how.request_fingerprint
    assert how.instruction.params["description"] == "reworded"


def test_balances_differ_by_currency() -> None:
    found = resolved(LEAST)
    assert same(intent_to_read_balance(found, None), intent_to_read_balance(found, "USD"))
    assert not same(intent_to_read_balance(found, None), intent_to_read_balance(found, "eur"))


def test_the_fingerprints_of_this_version_stay_what_they_are() -> None:
    """They stand in journals: a change of form would turn retries into conflicts."""
    intent = [
        charge(amount="19.99", currency="usd", customer_id="cus_1", overrides={"plan": "gold"}),
        charge(price_id="price_1", currency="usd"),
        subscription(price_id="price_1", customer_id="cus_1"),
        refund(amount="7.50"),
        checkout(mode="subscription", line_items=[{"price": "price_1"}]),
        customer(email="a@example.com"),
        intent_to_read_balance(resolved(FULL), "usd"),
    ]
    assert [(one.fingerprint[:12], one.request_fingerprint[:12]) for one in intent] == [
        ("d607bfc56b33", "48b5504f431d"),
        ("c2039169ab7d", "47cbe6ffb161"),
        ("b13514aeac56", "02122f332832"),
        ("dc394ffc95f4", "9a392debce39"),
        ("f4dc26ecccef", "f68d52619c96"),
        ("fc491e5c0cfb", "20bba1309712"),
        ("bf9273285ba9", "a46ffca15b94"),
    ]


def test_no_two_kinds_of_operation_are_ever_the_same() -> None:
    intent = [charge(), charge(amount=1), subscription(), refund(), checkout(), customer(),
               intent_to_read_balance(resolved(FULL), None)]  # fmt: skip
    assert len({one.fingerprint for one in intent}) == len(intent)
    assert len({one.request_fingerprint for one in intent}) == len(intent)

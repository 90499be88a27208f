"""How an operation that is not final is looked at again."""

from typing import Any

import pytest

from stripe_billing_router.core.calls import Reply, StripeCall
from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.domain.objects.table import judged, refresh_call
from support.operations import open_operation


def holding(object_: str | None, target: str = "x_1") -> Operation:
    return open_operation({"id": target, "object": object_})


@pytest.mark.parametrize(
    ("object_", "method", "params"),
    [
        ("payment_intent", "payment_intents.retrieve", {}),
        ("invoice", "invoices.retrieve", {}),
        ("refund", "refunds.retrieve", {}),
        ("subscription", "subscriptions.retrieve", {"expand": ["latest_invoice"]}),
    ],
)
def test_an_object_that_may_still_change_is_read_again(
    object_: str, method: str, params: dict[str, Any]
) -> None:
    assert refresh_call(holding(object_)) == StripeCall("refresh", method, params, "x_1")


@pytest.mark.parametrize("object_", ["checkout.session", "customer", "balance", None])
def test_nothing_else_is(object_: str | None) -> None:
    assert refresh_call(holding(object_)) is None
    assert refresh_call(open_operation(None)) is None


@pytest.mark.parametrize(
    ("body", "amount_minor", "action_type"),
    [
        ({"object": "payment_intent", "status": "succeeded", "amount": 500}, 500, "charge"),
        ({"object": "invoice", "status": "paid", "amount_paid": 500}, 500, "charge"),
        ({"object": "refund", "status": "succeeded", "amount": 500}, 500, "refund"),
        (
            {"object": "subscription", "status": "active",
             "latest_invoice": {"status": "paid", "amount_paid": 500}},
            500,
            "subscription",
        ),
        ({"object": "subscription", "status": "active", "latest_invoice": "in_1"}, 0,
         "subscription"),
        ({"object": "checkout.session", "payment_status": "paid", "amount_total": 500}, 500,
         "checkout_session"),
    ],
)  # fmt: skip
def test_each_object_is_judged_by_its_kind_as_it_stands_now(
    body: dict[str, Any], amount_minor: int, action_type: str
) -> None:
    reply = Reply.of({**body, "id": "x_1", "currency": "usd"})
    done = judged(holding(body["object"]), reply)
    assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, True, action_type)
    assert (done.amount_minor, done.currency) == (amount_minor, "usd")
    assert done.user_email == "route@example.com"
    assert done.reply is reply


def test_a_customer_is_there_and_takes_nothing() -> None:
    done = judged(holding("customer"), Reply.of({"object": "customer", "id": "cus_1"}))
    assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, False, "customer")

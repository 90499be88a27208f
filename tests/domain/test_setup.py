"""Subscriptions, checkout sessions, customers and the balance."""

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from stripe_billing_router.core.calls import CallFailedError, StripeCall
from stripe_billing_router.core.operation import Instruction, State
from stripe_billing_router.domain.flows import UncleanError
from stripe_billing_router.domain.operations.balance import read_balance
from stripe_billing_router.domain.operations.checkout import create_checkout_session
from stripe_billing_router.domain.operations.customer import create_customer
from stripe_billing_router.domain.operations.subscription import create_subscription
from support.scripted import DECLINED, FORBIDDEN, play

TAGS = {"sbr_operation": "op_1"}
MARKED = {"order": "17", "sbr_operation": "op_1"}


class TestSubscription:
    instruction = Instruction(
        action="subscription",
        kind="subscription",
        bot_id="finance:bot",
        price_id="price_1",
        customer_id="cus_1",
        metadata={"order": "17"},
    )
    sent: ClassVar[dict[str, Any]] = {
        "customer": "cus_1",
        "items": [{"price": "price_1"}],
        "payment_behavior": "error_if_incomplete",
        "off_session": True,
        "expand": ["latest_invoice"],
        "metadata": MARKED,
    }
    create = StripeCall("create", "subscriptions.create", sent)
    first: ClassVar[dict[str, Any]] = {
        "id": "in_1", "object": "invoice", "status": "paid", "amount_paid": 900,
        "currency": "usd", "customer_email": "payer@example.com",
    }  # fmt: skip

    def subscription(self, status: str = "active", **fields: Any) -> dict[str, Any]:
        return {
            "id": "sub_1", "object": "subscription", "status": status, "currency": "eur",
            "latest_invoice": self.first, **fields,
        }  # fmt: skip

    def test_it_is_created_and_its_first_invoice_paid_or_not_at_all(self) -> None:
        body = self.subscription()
        done = play(create_subscription(self.instruction, TAGS), (self.create, body))
        assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, True, "subscription")
        assert (done.amount_minor, done.currency) == (900, "eur")
        assert done.user_email == "payer@example.com"
        assert done.reply.body == body

    def test_what_the_plan_names_is_sent(self) -> None:
        instruction = replace(
            self.instruction, description="Pro", payment_method_id="pm_1",
            user_email="route@example.com", params={"trial_period_days": 7},
        )  # fmt: skip
        sent = {
            **self.sent, "description": "Pro", "default_payment_method": "pm_1",
            "trial_period_days": 7,
        }  # fmt: skip
        create = StripeCall("create", "subscriptions.create", sent)
        done = play(create_subscription(instruction, TAGS), (create, self.subscription()))
        assert done.user_email == "route@example.com"

    def test_a_decline_leaves_no_subscription_and_nothing_to_remove(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(create_subscription(self.instruction, TAGS), (self.create, DECLINED))
        assert caught.value.failure == DECLINED

    def test_an_invoice_that_was_not_expanded_is_read(self) -> None:
        read = StripeCall("invoice", "invoices.retrieve", {}, "in_1")
        done = play(
            create_subscription(self.instruction, TAGS),
            (self.create, self.subscription(latest_invoice="in_1")),
            (read, self.first),
        )
        assert done.amount_minor == 900

    def test_an_invoice_that_cannot_be_read_leaves_the_operation_open_not_failed(self) -> None:
        """The subscription exists: whoever took this for a failure would subscribe twice."""
        read = StripeCall("invoice", "invoices.retrieve", {}, "in_1")
        with pytest.raises(UncleanError) as caught:
            play(
                create_subscription(self.instruction, TAGS),
                (self.create, self.subscription(latest_invoice="in_1")),
                (read, FORBIDDEN),
            )
        assert caught.value.failure == FORBIDDEN

    @pytest.mark.parametrize(
        ("status", "state", "action_type"),
        [
            ("active", State.SUCCEEDED, "subscription"),
            ("trialing", State.SUCCEEDED, "subscription"),
            ("canceled", State.FAILED, "subscription"),
            ("incomplete_expired", State.FAILED, "subscription"),
            ("incomplete", State.OPEN, "subscription_open"),
            ("past_due", State.OPEN, "subscription_open"),
            ("unpaid", State.OPEN, "subscription_open"),
            ("paused", State.OPEN, "subscription_open"),
            ("of a later version", State.OPEN, "subscription_open"),
        ],
    )
    def test_only_a_live_subscription_is_paid(
        self, status: str, state: State, action_type: str
    ) -> None:
        done = play(
            create_subscription(self.instruction, TAGS), (self.create, self.subscription(status))
        )
        assert (done.state, done.action_type) == (state, action_type)
        assert done.paid is (state is State.SUCCEEDED)

    def test_a_live_subscription_whose_invoice_is_open_is_not_paid(self) -> None:
        unpaid = {**self.first, "status": "open", "amount_paid": 0}
        body = self.subscription(latest_invoice=unpaid)
        done = play(create_subscription(self.instruction, TAGS), (self.create, body))
        assert (done.state, done.paid, done.amount_minor) == (State.SUCCEEDED, False, 0)

    def test_without_an_invoice_nothing_was_to_be_paid(self) -> None:
        body = self.subscription(latest_invoice=None)
        done = play(create_subscription(self.instruction, TAGS), (self.create, body))
        assert (done.paid, done.amount_minor, done.currency) == (True, 0, "eur")
        assert done.user_email is None

    def test_the_currency_may_be_the_invoices(self) -> None:
        body = self.subscription(currency=None)
        assert (
            play(create_subscription(self.instruction, TAGS), (self.create, body)).currency == "usd"
        )


class TestCheckoutSession:
    instruction = Instruction(
        action="checkout_session",
        kind="checkout",
        bot_id="finance:bot",
        metadata={"order": "17"},
        params={"mode": "payment", "customer": "cus_1", "success_url": "https://example.com"},
    )
    session: ClassVar[dict[str, Any]] = {
        "id": "cs_1", "object": "checkout.session", "status": "open", "payment_status": "unpaid",
        "amount_total": 1500, "currency": "usd", "customer_email": "payer@example.com",
    }  # fmt: skip

    @pytest.mark.parametrize(
        ("mode", "carrier"),
        [
            ("payment", {"payment_intent_data": {"metadata": MARKED}}),
            ("subscription", {"subscription_data": {"metadata": MARKED}}),
            ("setup", {}),
        ],
    )
    def test_what_is_paid_through_it_is_tagged_like_the_session(
        self, mode: str, carrier: dict[str, Any]
    ) -> None:
        instruction = replace(self.instruction, params={**self.instruction.params, "mode": mode})
        create = StripeCall(
            "create",
            "checkout.sessions.create",
            {**instruction.params, **carrier, "metadata": MARKED},
        )
        done = play(create_checkout_session(instruction, TAGS), (create, self.session))
        assert (done.state, done.paid, done.action_type) == (
            State.SUCCEEDED, False, "checkout_session",
        )  # fmt: skip
        assert (done.amount_minor, done.currency) == (1500, "usd")
        assert done.user_email == "payer@example.com"
        assert done.reply.body == self.session

    def test_a_plan_without_a_mode_is_for_a_payment(self) -> None:
        instruction = replace(self.instruction, params={}, user_email="route@example.com")
        create = StripeCall(
            "create",
            "checkout.sessions.create",
            {"payment_intent_data": {"metadata": MARKED}, "metadata": MARKED},
        )
        paid = {**self.session, "payment_status": "paid"}
        done = play(create_checkout_session(instruction, TAGS), (create, paid))
        assert (done.paid, done.user_email) == (True, "route@example.com")


def test_a_customer_is_created_and_no_money_moves() -> None:
    instruction = Instruction(
        action="customer", kind="customer", bot_id="finance:bot",
        metadata={"order": "17"}, params={"email": "new@example.com", "phone": None},
    )  # fmt: skip
    create = StripeCall(
        "create", "customers.create", {"email": "new@example.com", "metadata": MARKED}
    )
    body = {"id": "cus_2", "object": "customer", "email": "new@example.com"}
    done = play(create_customer(instruction, TAGS), (create, body))
    assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, False, "customer")
    assert (done.amount_minor, done.currency, done.user_email) == (None, None, "new@example.com")
    assert done.reply.body == body


class TestBalance:
    instruction = Instruction(
        action="balance", kind="balance", bot_id="finance:bot", currency="usd",
        user_email="route@example.com",
    )  # fmt: skip
    call = StripeCall("balance", "balance.retrieve")

    def read(self, **body: Any) -> int | None:
        done = play(
            read_balance(self.instruction, TAGS), (self.call, {"object": "balance", **body})
        )
        assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, False, "balance")
        assert (done.currency, done.user_email) == ("usd", "route@example.com")
        assert done.reply.body == {"object": "balance", **body}
        return done.amount_minor

    def test_it_is_the_available_one_in_the_plans_currency(self) -> None:
        available = [
            {"amount": 1234, "currency": "jpy"},
            {"amount": 5000, "currency": "usd"},
            {"amount": -100, "currency": "usd"},
        ]
        pending = [{"amount": 70_000, "currency": "usd"}]
        assert self.read(available=available, pending=pending) == 4900

    def test_what_stripe_does_not_list_is_nothing(self) -> None:
        assert self.read(available=[{"amount": 1234, "currency": "jpy"}]) == 0
        assert self.read() == 0

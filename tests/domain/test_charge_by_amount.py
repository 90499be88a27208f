"""A charge by amount: the customer is read where needed, then one PaymentIntent."""

from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router.core.calls import CallFailedError, Failure, FailureKind, StripeCall
from stripe_billing_router.core.operation import Instruction, State
from stripe_billing_router.domain.flows import UncleanError
from stripe_billing_router.domain.objects.payment_intent import remove
from stripe_billing_router.domain.operations.charge import charge_by_amount
from stripe_billing_router.errors import InputError
from support.scripted import DECLINED, FORBIDDEN, GONE, REJECTED, play

PLAN = Instruction(
    action="charge",
    kind="amount",
    bot_id="finance:bot",
    amount_minor=1000,
    currency="usd",
    customer_id="cus_1",
    metadata={"order": "17"},
)
TAGS = {"sbr_operation": "op_1"}

READ_CUSTOMER = StripeCall("customer", "customers.retrieve", {}, "cus_1")
CUSTOMER: dict[str, Any] = {
    "id": "cus_1",
    "object": "customer",
    "email": "payer@example.com",
    "invoice_settings": {"default_payment_method": "pm_default"},
}
UNCONFIRMED = {
    "amount": 1000,
    "currency": "usd",
    "customer": "cus_1",
    "metadata": {"order": "17", "sbr_operation": "op_1"},
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
}
CONFIRMED = {
    **UNCONFIRMED,
    "payment_method": "pm_default",
    "confirm": True,
    "off_session": True,
    "error_on_requires_action": True,
}
CREATE = StripeCall("create", "payment_intents.create", CONFIRMED)
READ = StripeCall("remove.read", "payment_intents.retrieve", {}, "pi_1")
CANCEL = StripeCall("remove.cancel", "payment_intents.cancel", {}, "pi_1")
DECLINED_WITH_INTENT = replace(DECLINED, objects={"payment_intent": "pi_1"})


def intent(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "pi_1", "object": "payment_intent", "amount": 1000, "amount_received": 0,
        "currency": "usd", "status": status, **fields,
    }  # fmt: skip


PAID = intent("succeeded", amount_received=1000)


class TestPaymentMethod:
    def test_the_customers_default_is_confirmed_off_session(self) -> None:
        done = play(charge_by_amount(PLAN, TAGS), (READ_CUSTOMER, CUSTOMER), (CREATE, PAID))
        assert (done.state, done.paid, done.action_type) == (State.SUCCEEDED, True, "charge")
        assert (done.amount_minor, done.currency) == (1000, "usd")
        assert done.user_email == "payer@example.com"
        assert done.reply.body == PAID

    def test_one_that_is_named_wins_over_the_customers(self) -> None:
        instruction = replace(PLAN, payment_method_id="pm_named", user_email="route@example.com")
        create = StripeCall(
            "create", "payment_intents.create", {**CONFIRMED, "payment_method": "pm_named"}
        )
        done = play(charge_by_amount(instruction, TAGS), (READ_CUSTOMER, CUSTOMER), (create, PAID))
        assert done.user_email == "route@example.com"

    def test_with_all_known_the_customer_is_not_read(self) -> None:
        instruction = replace(
            PLAN, payment_method_id="pm_default", user_email="known@example.com",
            customer_known=True,
        )  # fmt: skip
        done = play(charge_by_amount(instruction, TAGS), (CREATE, PAID))
        assert done.user_email == "known@example.com"

    def test_without_any_it_is_created_unconfirmed_and_stays_open(self) -> None:
        create = StripeCall("create", "payment_intents.create", UNCONFIRMED)
        waiting = intent("requires_payment_method")
        done = play(
            charge_by_amount(PLAN, TAGS),
            (READ_CUSTOMER, {"id": "cus_1", "object": "customer"}),
            (create, waiting),
        )
        assert (done.state, done.paid, done.action_type) == (State.OPEN, False, "charge_open")
        assert (done.amount_minor, done.user_email) == (1000, None)

    def test_a_description_is_sent(self) -> None:
        instruction = replace(PLAN, customer_known=True, description="Order 17")
        create = StripeCall(
            "create", "payment_intents.create", {**UNCONFIRMED, "description": "Order 17"}
        )
        play(charge_by_amount(instruction, TAGS), (create, intent("requires_payment_method")))

    def test_a_deleted_customer_is_refused_before_anything_is_made(self) -> None:
        gone = {"id": "cus_1", "object": "customer", "deleted": True}
        with pytest.raises(InputError, match="cus_1"):
            play(charge_by_amount(PLAN, TAGS), (READ_CUSTOMER, gone))

    def test_a_customer_who_cannot_be_read_is_a_definite_failure(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(charge_by_amount(PLAN, TAGS), (READ_CUSTOMER, GONE))
        assert caught.value.failure == GONE


@pytest.mark.parametrize(
    ("status", "state", "action_type"),
    [
        ("succeeded", State.SUCCEEDED, "charge"),
        ("canceled", State.FAILED, "charge"),
        ("processing", State.OPEN, "charge_open"),
        ("requires_action", State.OPEN, "charge_open"),
        ("requires_capture", State.OPEN, "charge_open"),
        ("requires_confirmation", State.OPEN, "charge_open"),
        ("requires_payment_method", State.OPEN, "charge_open"),
        ("of a later version", State.OPEN, "charge_open"),
    ],
)
def test_only_a_succeeded_intent_is_paid_and_only_a_cancelled_one_dead(
    status: str, state: State, action_type: str
) -> None:
    instruction = replace(PLAN, payment_method_id="pm_default", customer_known=True)
    done = play(charge_by_amount(instruction, TAGS), (CREATE, intent(status)))
    assert (done.state, done.action_type) == (state, action_type)
    assert done.paid is (status == "succeeded")
    assert done.amount_minor == 1000


def test_the_ledger_takes_what_was_received_and_only_of_what_is_paid() -> None:
    instruction = replace(PLAN, payment_method_id="pm_default", customer_known=True)
    part = play(
        charge_by_amount(instruction, TAGS), (CREATE, intent("succeeded", amount_received=900))
    )
    assert part.amount_minor == 900
    held = play(
        charge_by_amount(instruction, TAGS),
        (CREATE, intent("requires_capture", amount_received=900)),
    )
    assert held.amount_minor == 1000


class TestDefiniteFailure:
    instruction = replace(PLAN, payment_method_id="pm_default", customer_known=True)

    def test_a_decline_cancels_the_intent_that_it_left(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(
                charge_by_amount(self.instruction, TAGS),
                (CREATE, DECLINED_WITH_INTENT),
                (READ, intent("requires_payment_method")),
                (CANCEL, intent("canceled")),
            )
        assert caught.value.failure == DECLINED_WITH_INTENT

    def test_an_intent_that_is_cancelled_already_is_left_alone(self) -> None:
        with pytest.raises(CallFailedError):
            play(
                charge_by_amount(self.instruction, TAGS),
                (CREATE, DECLINED_WITH_INTENT),
                (READ, intent("canceled")),
            )

    @pytest.mark.parametrize(
        ("status", "state"), [("succeeded", State.SUCCEEDED), ("processing", State.OPEN)]
    )
    def test_an_intent_that_was_paid_after_all_counts(self, status: str, state: State) -> None:
        instruction = replace(self.instruction, user_email="route@example.com")
        done = play(
            charge_by_amount(instruction, TAGS),
            (CREATE, DECLINED_WITH_INTENT),
            (READ, intent(status, amount_received=1000)),
        )
        assert (done.state, done.amount_minor) == (state, 1000)
        assert done.reply.body["status"] == status
        assert done.user_email == "route@example.com"

    def test_a_refusal_that_made_nothing_is_let_out_at_once(self) -> None:
        with pytest.raises(CallFailedError) as caught:
            play(charge_by_amount(self.instruction, TAGS), (CREATE, REJECTED))
        assert caught.value.failure == REJECTED

    def test_other_objects_that_an_error_names_are_none_of_ours(self) -> None:
        other = replace(DECLINED, objects={"payment_method": "pm_1", "charge": "ch_1"})
        with pytest.raises(CallFailedError):
            play(charge_by_amount(self.instruction, TAGS), (CREATE, other))

    @pytest.mark.parametrize("problem", [FORBIDDEN, GONE, REJECTED])
    def test_a_removal_that_fails_leaves_the_operation_unclean(self, problem: Failure) -> None:
        with pytest.raises(UncleanError) as caught:
            play(
                charge_by_amount(self.instruction, TAGS),
                (CREATE, DECLINED_WITH_INTENT),
                (READ, problem),
            )
        assert caught.value.failure == problem

    def test_a_cancellation_that_is_refused_leaves_it_unclean(self) -> None:
        refused = Failure(FailureKind.INVALID, "cannot cancel", 400)
        with pytest.raises(UncleanError) as caught:
            play(
                charge_by_amount(self.instruction, TAGS),
                (CREATE, DECLINED_WITH_INTENT),
                (READ, intent("requires_payment_method")),
                (CANCEL, refused),
            )
        assert caught.value.failure == refused


def test_a_removal_of_its_own_has_step_names_of_its_own() -> None:
    removal = remove("pi_1", prefix="remove.pi_1")
    left = play(
        removal,
        (replace(READ, step="remove.pi_1.read"), intent("requires_action")),
        (replace(CANCEL, step="remove.pi_1.cancel"), intent("canceled")),
    )
    assert left is None

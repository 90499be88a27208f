"""Recorded steps: what came of each, what is undecided, and what is kept in the end."""

import json
from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router.core.calls import CallFailedError, Failure, FailureKind, Reply
from stripe_billing_router.core.operation import Operation, StepRecord
from stripe_billing_router.domain.objects.tagged import tags_of
from stripe_billing_router.domain.steps import (
    brief,
    created_something,
    failed,
    has_unknown_send,
    recorded_outcome,
    replied,
    undecided,
    with_brief_replies,
    without_removal,
)
from support.operations import OPERATION
from support.scripted import DECLINED, FORBIDDEN

PAID: dict[str, Any] = {
    "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1000,
    "amount_received": 1000, "currency": "usd", "client_secret": "pi_1_secret_2",
}  # fmt: skip


def test_what_is_made_carries_the_operation_the_bot_and_the_attempt() -> None:
    assert tags_of(replace(OPERATION, attempt=2)) == {
        "sbr_operation": "op_1",
        "sbr_bot": "finance:bot",
        "sbr_action": "charge",
        "sbr_attempt": "2",
    }


class TestOutcome:
    record = StepRecord(step="create", method="payment_intents.create")

    def test_a_reply_is_kept_less_its_secrets(self) -> None:
        record = replied(self.record, Reply.of(PAID, {"request-id": "req_1"}))
        assert record.reply is not None
        assert "client_secret" not in record.reply
        outcome = recorded_outcome(record)
        assert isinstance(outcome, Reply)
        assert outcome.body["id"] == "pi_1"

    @pytest.mark.parametrize("kind", list(FailureKind))
    def test_a_failure_comes_back_whole_from_the_journal(self, kind: FailureKind) -> None:
        failure = Failure(
            kind, "no", 402, "code", "decline", "param", "req_1", {"payment_intent": "pi_1"}, 1.5,
            False, True,
        )  # fmt: skip
        record = failed(self.record, failure)
        assert record.failure is not None
        stored = replace(record, failure=json.loads(json.dumps(record.failure)))
        outcome = recorded_outcome(stored)
        assert isinstance(outcome, CallFailedError)
        assert outcome.failure == failure

    def test_neither_means_not_known(self) -> None:
        assert recorded_outcome(self.record) is None


class TestRemoval:
    """A removal that failed is tried afresh; what was sent for the purchase itself is kept."""

    create = StepRecord(step="create", method="payment_intents.create", reply={"id": "pi_1"})
    declined = failed(replace(create, reply=None), DECLINED)

    def left_of(self, *steps: StepRecord) -> tuple[StepRecord, ...]:
        return without_removal(steps)

    def test_its_records_are_dropped_and_the_others_kept(self) -> None:
        read = StepRecord(step="remove.read", method="payment_intents.retrieve", reply={})
        cancel = StepRecord(step="remove.cancel", method="payment_intents.cancel")
        assert self.left_of(self.declined, read, failed(cancel, FORBIDDEN)) == (self.declined,)

    def test_a_last_read_that_failed_is_made_again(self) -> None:
        """A key without the permission to read an invoice would stay so for ever otherwise."""
        read = StepRecord(step="invoice", method="invoices.retrieve", target="in_1")
        assert self.left_of(self.create, failed(read, FORBIDDEN)) == (self.create,)

    def test_a_read_that_was_answered_or_that_others_followed_is_kept(self) -> None:
        read = StepRecord(step="customer", method="customers.retrieve", reply={"id": "cus_1"})
        assert self.left_of(self.create, read) == (self.create, read)
        unread = failed(StepRecord(step="price", method="prices.retrieve"), FORBIDDEN)
        assert self.left_of(unread, self.create) == (unread, self.create)
        assert self.left_of() == ()


class TestWhatIsKnown:
    def operation(self, **fields: Any) -> Operation:
        record = StepRecord(**{"step": "create", "method": "payment_intents.create", **fields})
        return replace(OPERATION, steps=(record,))

    def test_something_was_created_when_a_write_was_answered_with_success(self) -> None:
        assert created_something(self.operation(reply={}))
        assert created_something(self.operation(failure={"objects": {"payment_intent": "pi_1"}}))
        assert not created_something(self.operation())
        assert not created_something(self.operation(failure={"kind": "declined"}))
        assert not created_something(self.operation(method="customers.retrieve", reply={}))
        assert not created_something(OPERATION)

    def test_it_is_undecided_while_a_send_has_no_outcome(self) -> None:
        assert has_unknown_send(self.operation(unknown_sends=1))
        assert not has_unknown_send(self.operation(unknown_sends=0))
        assert not has_unknown_send(self.operation(unknown_sends=1, reply={}))
        assert not has_unknown_send(self.operation(unknown_sends=1, failure={"kind": "declined"}))
        assert not has_unknown_send(self.operation(method="customers.retrieve", unknown_sends=1))
        assert not has_unknown_send(OPERATION)

    def test_what_is_undecided_are_the_writes_without_an_outcome(self) -> None:
        sent = StepRecord(step="pay", method="invoices.pay", unknown_sends=1)
        steps = (
            StepRecord(step="customer", method="customers.retrieve"),
            StepRecord(step="invoice", method="invoices.create", reply={}),
            StepRecord(step="item", method="invoice_items.create", failure={"kind": "invalid"}),
            sent,
            replace(sent, step="void", unknown_sends=0),
        )
        assert undecided(replace(OPERATION, steps=steps)) == [*steps[3:]]


class TestBriefReplies:
    def test_they_name_the_object_and_whose_it_is(self) -> None:
        body = {
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1000,
            "metadata": {"sbr_operation": "op_1", "order": "17"},
        }  # fmt: skip
        step = StepRecord(step="create", method="payment_intents.create", reply=body)
        assert with_brief_replies((step,))[0].reply == {
            "id": "pi_1", "object": "payment_intent", "status": "succeeded",
            "metadata": {"sbr_operation": "op_1"},
        }  # fmt: skip

    def test_what_has_no_reply_stays_as_it_is(self) -> None:
        step = StepRecord(step="create", method="payment_intents.create", failure={"kind": "other"})
        assert with_brief_replies((step,)) == (step,)

    def test_what_stripe_left_out_is_left_out(self) -> None:
        assert brief({"id": "pi_1", "metadata": None}) == {"id": "pi_1"}

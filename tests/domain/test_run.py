"""One operation under way: what was recorded is fed back, and the next call comes out."""

import json
from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router.core.calls import (
    CallFailedError,
    Failure,
    FailureKind,
    Reply,
    StripeCall,
)
from stripe_billing_router.core.operation import Instruction, State, StepRecord
from stripe_billing_router.domain.flows import Outcome
from stripe_billing_router.domain.objects.tagged import tags_of
from stripe_billing_router.domain.steps import failed, recorded_outcome, replied, undecided
from stripe_billing_router.engine.run import FLOWS, Run
from support.operations import OPERATION
from support.scripted import DECLINED, FORBIDDEN

CREATE = StripeCall(
    "create",
    "payment_intents.create",
    {
        "amount": 1000,
        "currency": "usd",
        "customer": "cus_1",
        "metadata": tags_of(OPERATION),
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "payment_method": "pm_1",
        "confirm": True,
        "off_session": True,
        "error_on_requires_action": True,
    },
)
PAID: dict[str, Any] = {
    "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1000,
    "amount_received": 1000, "currency": "usd", "client_secret": "pi_1_secret_2",
}  # fmt: skip
DECLINED_WITH_INTENT = replace(DECLINED, objects={"payment_intent": "pi_1"})


def test_every_kind_of_plan_has_a_flow_that_begins_with_a_call() -> None:
    for kind in FLOWS:
        instruction = Instruction(
            action="charge", kind=kind, bot_id="finance:bot", payment_id="pi_1"
        )
        assert isinstance(Run(replace(OPERATION, instruction=instruction)).first(), StripeCall)


def test_what_is_made_carries_the_operation_the_bot_and_the_attempt() -> None:
    assert tags_of(replace(OPERATION, attempt=2)) == {
        "sbr_operation": "op_1",
        "sbr_bot": "finance:bot",
        "sbr_action": "charge",
        "sbr_attempt": "2",
    }


class TestAdvance:
    def test_a_reply_leads_to_the_next_call_or_to_the_end(self) -> None:
        run = Run(OPERATION)
        assert run.first() == CREATE
        done = run.advance(Reply(PAID))
        assert isinstance(done, Outcome)
        assert (done.state, done.amount_minor) == (State.SUCCEEDED, 1000)

    def test_a_definite_failure_is_thrown_into_the_flow(self) -> None:
        run = Run(OPERATION)
        run.first()
        read = run.advance(CallFailedError(DECLINED_WITH_INTENT))
        assert read == StripeCall("remove.read", "payment_intents.retrieve", {}, "pi_1")
        with pytest.raises(CallFailedError):
            run.advance(Reply({"status": "canceled"}))

    def test_a_call_without_an_outcome_cannot_be_passed_by(self) -> None:
        run = Run(OPERATION)
        run.first()
        with pytest.raises(AssertionError):
            run.advance(None)


class TestRecords:
    def test_a_call_is_recorded_once_with_what_it_is_sent_with(self) -> None:
        run = Run(OPERATION)
        call = run.first()
        assert not run.has_record
        record = run.intend(call, 7_000)
        assert record == StepRecord(
            step="create", method="payment_intents.create", params=CREATE.params, attempt=1,
            first_sent_ms=7_000,
        )  # fmt: skip
        assert run.has_record
        assert run.intend(call, 9_000) == record, "its first send is what its key's age counts from"
        assert run.operation.steps == (record,)

    def test_the_record_has_the_attempt_and_the_target(self) -> None:
        run = Run(replace(OPERATION, attempt=3))
        record = run.intend(StripeCall("pay", "invoices.pay", {}, "in_1"), 1)
        assert (record.attempt, record.target) == (3, "in_1")

    def test_a_recorded_call_is_sent_as_it_was_and_never_made_up_anew(self) -> None:
        recorded = StepRecord(step="create", method="payment_intents.create", params={"amount": 5})
        run = Run(replace(OPERATION, steps=(recorded,)))
        assert run.intend(run.first(), 9_000) is recorded

    def test_records_of_another_flow_are_not_taken_for_this_one(self) -> None:
        run = Run(replace(OPERATION, steps=(StepRecord(step="other", method="x.create"),)))
        with pytest.raises(AssertionError, match="other"):
            run.intend(run.first(), 1)

    def test_the_outcome_is_put_into_the_record_of_the_call_in_hand(self) -> None:
        run = Run(OPERATION)
        first = run.intend(run.first(), 1)
        run.note(failed(first, DECLINED_WITH_INTENT))
        read = run.advance(CallFailedError(DECLINED_WITH_INTENT))
        assert isinstance(read, StripeCall)
        second = run.intend(read, 2)
        run.note(replied(second, Reply({"status": "canceled"})))
        assert [step.step for step in run.operation.steps] == ["create", "remove.read"]
        assert run.operation.steps[0].failure is not None
        assert run.operation.steps[1].reply == {"status": "canceled"}

    def test_a_process_that_takes_over_comes_to_the_same_next_call(self) -> None:
        """Fed what was recorded, a flow asks for what its dead process was about to ask."""
        run = Run(OPERATION)
        record = failed(run.intend(run.first(), 1), DECLINED_WITH_INTENT)
        run.note(record)
        heir = Run(run.operation)
        heir.first()
        outcome = recorded_outcome(heir.operation.steps[0])
        assert heir.advance(outcome) == run.advance(outcome)
        assert not heir.has_record


def test_a_run_that_begins_with_records_was_resumed() -> None:
    assert not Run(OPERATION).resumed
    assert Run(replace(OPERATION, steps=(StepRecord(step="create", method="x.create"),))).resumed


class TestOutcome:
    record = StepRecord(step="create", method="payment_intents.create")

    def test_a_reply_is_kept_less_its_secrets(self) -> None:
        record = replied(self.record, Reply(PAID, {"request-id": "req_1"}))
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
        run = Run(replace(OPERATION, steps=steps))
        run.forget_removal()
        return run.operation.steps

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
    def run(self, **fields: Any) -> Run:
        record = StepRecord(**{"step": "create", "method": "payment_intents.create", **fields})
        return Run(replace(OPERATION, steps=(record,)))

    def test_it_wrote_when_a_write_was_answered_with_success(self) -> None:
        assert self.run(reply={}).wrote
        assert not self.run().wrote
        assert not self.run(failure={"kind": "declined"}).wrote
        assert not self.run(method="customers.retrieve", reply={}).wrote
        assert not Run(OPERATION).wrote

    def test_it_is_undecided_while_a_send_has_no_outcome(self) -> None:
        assert self.run(unknown_sends=1).undecided
        assert not self.run(unknown_sends=0).undecided
        assert not self.run(unknown_sends=1, reply={}).undecided
        assert not self.run(unknown_sends=1, failure={"kind": "declined"}).undecided
        assert not self.run(method="customers.retrieve", unknown_sends=1).undecided
        assert not Run(OPERATION).undecided

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


def test_an_operation_is_never_changed_in_place() -> None:
    run = Run(OPERATION)
    run.intend(run.first(), 1)
    assert OPERATION.steps == ()

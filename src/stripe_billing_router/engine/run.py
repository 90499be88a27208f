"""One operation under way: its journal entry, its flow, and what has been fed to the flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall
from ..core.operation import Operation, StepRecord
from ..domain.flows import Flow, FlowFactory, Outcome
from ..domain.objects.reversal import OPERATION_TAG
from ..domain.operations.charge import charge_by_amount, charge_by_price
from ..domain.operations.refund import refund_payment
from ..domain.operations.subscription import (
    create_checkout_session,
    create_customer,
    create_subscription,
    read_balance,
)

FLOWS: Mapping[str, FlowFactory] = {
    "amount": charge_by_amount,
    "price": charge_by_price,
    "subscription": create_subscription,
    "refund": refund_payment,
    "checkout": create_checkout_session,
    "customer": create_customer,
    "balance": read_balance,
}


def tags_of(operation: Operation) -> dict[str, str]:
    """Return the metadata by which an object at Stripe is known as this operation's."""
    return {
        OPERATION_TAG: operation.operation_id,
        "sbr_bot": operation.bot_id,
        "sbr_action": operation.action,
        "sbr_attempt": str(operation.attempt),
    }


class Run:
    """Drives one flow: records go in, calls come out.

    Recorded steps of an earlier process are fed back in order, with the parameters they were sent
    with; the first call without a recorded outcome is the next one to send.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._flow: Flow = FLOWS[operation.instruction.kind](
            operation.instruction, tags_of(operation)
        )
        self._started = False
        self._position = 0  # of the call in hand among the recorded steps
        self.resumed = bool(operation.steps)

    def first(self) -> StripeCall:
        """Return the first call."""
        call = self.advance(None)
        assert isinstance(call, StripeCall), "every flow makes at least one call"
        return call

    def advance(self, outcome: Reply | CallFailedError | None) -> StripeCall | Outcome:
        """Feed the outcome of the call in hand; return the next call, or what it all came to.

        Raises what the flow raises: a definite failure, bad input, or `UncleanError`.
        """
        try:
            if not self._started:
                self._started = True
                return next(self._flow)
            self._position += 1
            if isinstance(outcome, CallFailedError):
                return self._flow.throw(outcome)
            assert outcome is not None, "a call's outcome must be fed back"
            return self._flow.send(outcome)
        except StopIteration as done:
            ended: Outcome = done.value
            return ended

    @property
    def has_record(self) -> bool:
        """Whether the call in hand is recorded already."""
        return self._position < len(self.operation.steps)

    def intend(self, call: StripeCall, now_ms: int) -> StepRecord:
        """Return the record of the call in hand, adding it when it is not there yet."""
        steps = self.operation.steps
        if self.has_record:
            recorded = steps[self._position]
            assert recorded.step == call.step, f"{recorded.step} was recorded, not {call.step}"
            return recorded
        record = StepRecord(
            step=call.step,
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=self.operation.attempt,
            first_sent_ms=now_ms,
        )
        self.operation = replace(self.operation, steps=(*steps, record))
        return record

    def note(self, record: StepRecord) -> None:
        """Put the outcome of the call in hand into its record."""
        steps = list(self.operation.steps)
        steps[self._position] = record
        self.operation = replace(self.operation, steps=tuple(steps))

    def forget_removal(self) -> None:
        """Drop the records of a removal that failed, so that it is tried afresh next time.

        So is the last step if it was a read: nothing can come after what failed there.
        """
        kept = [record for record in self.operation.steps if not record.step.startswith("remove.")]
        if kept and kept[-1].failure is not None and not _writes(kept[-1]):
            kept.pop()
        self.operation = replace(self.operation, steps=tuple(kept))

    @property
    def wrote(self) -> bool:
        """Whether any write of this run made something, if only what a decline leaves behind."""
        return any(
            record.reply is not None or (record.failure or {}).get("objects")
            for record in self.operation.steps
            if _writes(record)
        )

    @property
    def undecided(self) -> bool:
        """Whether any write may have been sent whose outcome is not known."""
        return any(record.unknown_sends > 0 for record in undecided(self.operation))


def undecided(operation: Operation) -> list[StepRecord]:
    """Return the writes whose outcome is not known: sent, or about to be."""
    return [
        record
        for record in operation.steps
        if record.reply is None and record.failure is None and _writes(record)
    ]


def _writes(record: StepRecord) -> bool:
    return StripeCall(record.step, record.method).writes


def recorded_outcome(record: StepRecord) -> Reply | CallFailedError | None:
    """Return what a recorded step came to, or None while that is not known."""
    if record.reply is not None:
        return Reply(dict(record.reply))
    if record.failure is not None:
        facts: dict[str, Any] = dict(record.failure)
        facts["kind"] = FailureKind(facts["kind"])
        return CallFailedError(Failure(**facts))
    return None


def replied(record: StepRecord, reply: Reply) -> StepRecord:
    """Return the record with Stripe's answer, less its secrets."""
    return replace(record, reply=reply.safe_body)


def failed(record: StepRecord, failure: Failure) -> StepRecord:
    """Return the record with a definite failure."""
    return replace(record, failure=asdict(failure))

"""One operation in progress: its flow, and its steps as the journal has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall, writes
from ..core.operation import Operation, StepRecord
from ..core.ports import Gateway, Runtime
from ..domain.operations.table import flow_of
from ..domain.outcomes import decides
from ..domain.steps import (
    created_something,
    failed,
    has_unknown_send,
    recorded_outcome,
    without_removal,
)
from ..errors import BillingError
from .driver import Answer, Prepared
from .lease import Leases
from .mismatch import MismatchHandler


class UndecidedError(Exception):
    """The outcome of a step is unknown; so is that of its operation."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind.value)
        self.failure = failure


class SendingIsNoUseError(Exception):
    """Stripe answers with a fault of its own, and will again: only a look-up shows what it did."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind.value)
        self.execution_over = failure.replayed


class Run:
    """The steps of a call: each is in the journal before it is sent.

    Steps that an earlier process recorded come first, in order and with the parameters they were
    sent with; the first one without a recorded outcome is the next to send.
    """

    def __init__(
        self,
        operation: Operation,
        *,
        leases: Leases,
        mismatches: MismatchHandler,
        verified_gateway: Callable[[str], Gateway],
        runtime: Runtime,
    ) -> None:
        self.operation = leases.renewed(operation)
        self.flow = flow_of(self.operation)
        self._leases = leases
        self._mismatches = mismatches
        self._verified_gateway = verified_gateway
        self._runtime = runtime
        self._position = 0  # of the current call among the recorded steps
        self._resumed = bool(operation.steps)

    def start(self) -> StripeCall:
        """Return the first call; if it writes, it is recorded for the intent's commit."""
        call = next(self.flow)
        if writes(call.method):
            self._intend(call, self.operation.updated_ms)
        return call

    def prepare(self, call: StripeCall) -> Answer | Prepared:
        """Return the recorded answer to the current call, or its record, ready to send.

        A step that writes is in the journal by then. Raises if there is no way to Stripe.
        """
        is_committed = self._position < len(self.operation.steps)
        record = self._intend(call)
        answer = recorded_outcome(record)
        if answer is not None:
            self._position += 1
            return answer
        is_write = writes(call.method)
        if is_write and is_committed and self._resumed:
            # A process that died may have sent it.
            self._note(replace(record, unknown_sends=max(1, record.unknown_sends)))
        gateway = self._gateway()
        if is_write and not is_committed:
            self.operation = self._leases.take(self.operation)
        return Prepared(self.operation.steps[self._position], gateway)

    def _gateway(self) -> Gateway:
        """Return the way to Stripe; without one, an operation that sent a step stays unknown."""
        try:
            return self._verified_gateway(self.operation.account)
        except BillingError as refused:
            if not created_something(self.operation) and not has_unknown_send(self.operation):
                self.operation = replace(self.operation, steps=())  # nothing of it was sent
                raise
            problem = Failure(FailureKind.OTHER, refused.problem)
        raise UndecidedError(problem)

    def replied(self, call: StripeCall, record: StepRecord, reply: Reply, gateway: Gateway) -> None:
        """Note an answer; raise if it is not the master account's."""
        self._note(replace(record, reply=reply.body))
        self._mismatches.check(self.operation, call, reply, gateway)
        self._position += 1

    def failed(self, call: StripeCall, record: StepRecord, failure: Failure) -> CallFailedError:
        """Note a definite failure and return it to the flow; raise if it is not definite."""
        self._note(record)
        created = created_something(self.operation)
        if not decides(failure, record, created=created):
            if writes(call.method) and (failure.replayed or failure.should_retry is False):
                raise SendingIsNoUseError(failure)
            raise UndecidedError(failure)
        self._note(failed(record, failure))
        self._position += 1
        return CallFailedError(failure)

    def forget_removal(self) -> None:
        """Drop the records of a failed removal, so that it is tried again next time."""
        self.operation = replace(self.operation, steps=without_removal(self.operation.steps))

    def _intend(self, call: StripeCall, now_ms: int | None = None) -> StepRecord:
        steps = self.operation.steps
        if self._position < len(steps):
            recorded = steps[self._position]
            assert recorded.step == call.step, f"{recorded.step} was recorded, not {call.step}"
            return recorded
        record = StepRecord(
            step=call.step,
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=self.operation.attempt,
            first_sent_ms=now_ms or self._runtime.now_ms(),
        )
        self.operation = replace(self.operation, steps=(*steps, record))
        return record

    def _note(self, record: StepRecord) -> None:
        steps = self.operation.steps
        noted = (*steps[: self._position], record, *steps[self._position + 1 :])
        self.operation = replace(self.operation, steps=noted)

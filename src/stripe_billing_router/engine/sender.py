"""Send one step with its step key until there is an answer or the time is up."""

from __future__ import annotations

from dataclasses import replace

from ..core.calls import (
    CallFailedError,
    Failure,
    FailureKind,
    Reply,
    StripeCall,
    WriteEffect,
    writes,
)
from ..core.deadline import remaining_s
from ..core.ids import step_key
from ..core.operation import Operation, StepRecord
from ..core.ports import Gateway, Runtime
from ..domain.outcomes import effect_of, may_retry, retry_delay_s
from ..domain.resend import is_too_late


class Sender:
    """Retries a step: waits grow, the total is bounded, and the step key stays the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def send(
        self, operation: Operation, record: StepRecord, gateway: Gateway
    ) -> tuple[StepRecord, Reply | Failure]:
        """Send a recorded step, with exactly the parameters of its record.

        Returns the record with the sends that ended unknown counted, and the last outcome.
        """
        call = StripeCall(record.step, record.method, record.params, record.target)
        is_write = writes(record.method)
        key = step_key_of(operation, record) if is_write else None
        sends = 0
        while True:
            if is_write and is_too_late(operation, record, self._runtime.now_ms()):
                return record, Failure(FailureKind.OTHER, "this process was suspended for too long")
            sends += 1
            try:
                return record, gateway.send(call, idempotency_key=key)
            except CallFailedError as problem:
                failure = problem.failure
            if effect_of(failure, earlier_send_unknown=False) is WriteEffect.UNKNOWN:
                record = replace(record, unknown_sends=record.unknown_sends + 1)
            delay_s = retry_delay_s(failure, sends)
            left_s = remaining_s()
            # A call without a time limit is not repeated.
            if not may_retry(failure) or left_s is None or delay_s > left_s:
                return record, failure
            self._runtime.sleep(delay_s)


def step_key_of(operation: Operation, record: StepRecord) -> str:
    """Return the step key: the same on every host and in every process."""
    return step_key(
        operation.account,
        operation.bot_id,
        operation.action,
        operation.idempotency_key,
        record.attempt,
        record.step,
    )

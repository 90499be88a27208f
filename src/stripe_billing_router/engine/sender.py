"""Send one step with its own key until there is an answer or the time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall, WriteEffect
from ..core.deadline import remaining_s
from ..core.ids import step_key
from ..core.operation import Operation, StepRecord
from ..domain.leases import Holder
from ..domain.outcomes import effect_of, may_retry, retry_delay_s

# Stripe forgets a key once it is at least 24 hours old; an hour of that is kept for clocks that
# disagree. Source: Stripe, "Idempotent requests".
RESEND_WINDOW_MS: Final = 23 * 3600 * 1000

# By how much the clocks of two hosts may differ without anybody being alarmed.
CLOCK_SKEW_MS: Final = 10 * 60 * 1000

# How long after its last commit an operation may still be sent. Others believe that nothing of it
# is on its way once it was left alone for twice as long (`ABSENCE_PROVEN_AFTER_MS`).
SEND_WITHIN_MS: Final = 5 * 60 * 1000


class Gateway(Protocol):
    """What is needed of the way to Stripe."""

    def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
        """Make one request; raise `CallFailedError` for anything but a good answer."""
        ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """Time, the process, and how to wait: handed in, so that tests can turn the clock."""

    now_ms: Callable[[], int]
    sleep: Callable[[float], None]
    holder: Callable[[], Holder]
    is_alive: Callable[[Holder], bool]


class Sender:
    """Bounded retries: waits grow, the total is bounded, and the step's key stays the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def send(
        self, operation: Operation, record: StepRecord, gateway: Gateway
    ) -> tuple[StepRecord, Reply | Failure]:
        """Send a recorded step, with the very parameters of its record.

        Returns the record with the sends that ended unknown counted, and the last outcome.
        """
        call = StripeCall(record.step, record.method, record.params, record.target)
        key = step_key_of(operation, record) if call.writes else None
        sends = 0
        while True:
            if call.writes and self._is_too_late(operation, record):
                return record, Failure(FailureKind.OTHER, "this process was held up for too long")
            sends += 1
            try:
                return record, gateway.send(call, idempotency_key=key)
            except CallFailedError as problem:
                failure = problem.failure
            if effect_of(failure, earlier_send_unknown=False) is WriteEffect.UNKNOWN:
                record = replace(record, unknown_sends=record.unknown_sends + 1)
            delay_s = retry_delay_s(failure, sends)
            left_s = remaining_s()
            # Where nothing bounds the call, it is not repeated.
            if not may_retry(failure) or left_s is None or delay_s > left_s:
                return record, failure
            self._runtime.sleep(delay_s)

    def _is_too_late(self, operation: Operation, record: StepRecord) -> bool:
        """Say whether this process stood still (a suspended host) while the world went on."""
        now_ms = self._runtime.now_ms()
        begun_ms = max(operation.updated_ms, record.first_sent_ms or 0)
        first_ms = record.first_sent_ms or now_ms
        return now_ms - begun_ms > SEND_WITHIN_MS or now_ms - first_ms > RESEND_WINDOW_MS


def step_key_of(operation: Operation, record: StepRecord) -> str:
    """Return the Idempotency-Key of a step: the same on every host and in every process."""
    return step_key(
        operation.account,
        operation.bot_id,
        operation.action,
        operation.idempotency_key,
        record.attempt,
        record.step,
    )

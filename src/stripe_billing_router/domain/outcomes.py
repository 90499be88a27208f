"""What a failed call means for the money: one table, closed by default.

Source: Stripe's "idempotent requests" and "errors" pages; what they do not list as having no effect
is unknown.
"""

from __future__ import annotations

from typing import Final

from ..core.calls import Failure, FailureKind, WriteEffect, writes
from ..core.operation import Operation, StepRecord

_EFFECT: Final = {
    FailureKind.NOT_SENT: WriteEffect.NONE,
    FailureKind.AUTHENTICATION: WriteEffect.NONE,
    FailureKind.PERMISSION: WriteEffect.NONE,
    FailureKind.NOT_FOUND: WriteEffect.NONE,
    FailureKind.INVALID: WriteEffect.NONE,
    FailureKind.RATE_LIMITED: WriteEffect.NONE,
    FailureKind.DECLINED: WriteEffect.DECLINED,
}

# Worth resending with the same key: the answer may differ next time.
_TRANSIENT: Final = frozenset(
    {
        FailureKind.NOT_SENT,
        FailureKind.CONNECTION,
        FailureKind.MALFORMED,
        FailureKind.CONFLICT,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER,
    }
)

# Stripe, "Idempotent requests": nothing is saved before an endpoint begins to execute.
_NOTHING_KEPT: Final = (FailureKind.NOT_SENT, FailureKind.AUTHENTICATION, FailureKind.RATE_LIMITED)


def effect_of(failure: Failure, *, earlier_send_unknown: bool) -> WriteEffect:
    """Decide what a failed write did.

    Once one send of a step is unknown, only a 402 to the same key decides it here (a 2xx is no
    failure): a 429, a 401 or a refused connection afterwards proves nothing about the first send.
    """
    effect = _EFFECT.get(failure.kind, WriteEffect.UNKNOWN)
    if earlier_send_unknown and effect is WriteEffect.NONE:
        return WriteEffect.UNKNOWN
    return effect


def decides(failure: Failure, record: StepRecord, *, created: bool) -> bool:
    """Return whether a failure decides the step's outcome, so that its flow may continue.

    A read without an answer decides nothing once the operation has created an object.
    """
    if writes(record.method):
        earlier = record.unknown_sends > 0
        return effect_of(failure, earlier_send_unknown=earlier) is not WriteEffect.UNKNOWN
    return not (created and may_retry(failure))


def may_retry(failure: Failure) -> bool:
    """Return whether resending the step with the same key can help."""
    if failure.replayed or (failure.should_retry is False and failure.http_status is not None):
        return False
    return failure.kind in _TRANSIENT


def retry_delay_s(failure: Failure, sends: int) -> float:
    """Return how long to wait after this many sends: 0.5 s doubling to 8 s.

    Stripe's `Retry-After` wins where it asks for more.
    """
    return max(min(0.5 * 2.0 ** (sends - 1), 8.0), failure.retry_after_s or 0.0)


def is_spent(operation: Operation) -> bool:
    """Return whether Stripe may keep an answer under any step key of this attempt."""
    return any(
        record.unknown_sends > 0
        or record.failure is None
        or FailureKind(record.failure["kind"]) not in _NOTHING_KEPT
        for record in operation.steps
        if writes(record.method)
    )

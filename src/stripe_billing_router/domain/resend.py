"""All time bounds of the package in one table, and what they decide: may a step be sent again?

Their relations are what exactly-once rests on, so each is asserted where it is stated.
"""

from __future__ import annotations

from typing import Final

from ..core.operation import Operation, StepRecord
from .steps import undecided

_S: Final = 1000
_MIN: Final = 60 * _S
_H: Final = 60 * _MIN

# How long Stripe keeps a key at least. Source: Stripe, "Idempotent requests": keys can be removed
# once they are at least 24 hours old.
KEY_MEMORY_MS: Final = 24 * _H

# A step's key is sent again only while its first send is younger than this.
RESEND_WINDOW_MS: Final = 23 * _H

# A host whose clock is further off than this, by Stripe's `Date`, begins no operation.
MISLEADING_SKEW_MS: Final = 30 * _MIN

# From here on an operator hears of the clock: more than any host with NTP is off by, and more than
# an answer is on its way.
ALARMING_SKEW_MS: Final = 5 * _MIN

# How far in the future a send may seem to be: more than that, and its true age is not known.
CLOCK_SKEW_MS: Final = 10 * _MIN

# How long after its last commit an operation may still be sent by the process that holds it.
SEND_WITHIN_MS: Final = 5 * _MIN

# How long a step that Stripe refused with a 401 may be sent with a newer key: a host that was
# suspended meanwhile may find the step taken up by another.
RESEND_AFTER_401_MS: Final = 2 * _MIN

# How long an operation must have been left alone before "nothing is there" is believed: a request
# that was on its way may still have landed after the read.
ABSENCE_PROVEN_AFTER_MS: Final = 10 * _MIN

# How much further back than the intent's time lists are read: a host's clock may have run ahead
# when it was written, and a payment that is not found would be made again. It costs pages only.
LOOK_BACK_S: Final = 7 * 24 * 3600

# Two hosts, one ahead where a key is first sent, the other behind where it is sent again.
assert RESEND_WINDOW_MS + 2 * MISLEADING_SKEW_MS <= KEY_MEMORY_MS
# An operator hears of a clock before it stops the host, and before it confuses others.
assert ALARMING_SKEW_MS < CLOCK_SKEW_MS < MISLEADING_SKEW_MS
# Nothing of an operation is on its way once others may believe so.
assert 2 * SEND_WITHIN_MS <= ABSENCE_PROVEN_AFTER_MS
# A refused step is sent again by the process that holds it only while others leave it alone.
assert RESEND_AFTER_401_MS < SEND_WITHIN_MS
# Whatever may still be sent again is found by the lists.
assert RESEND_WINDOW_MS + 2 * MISLEADING_SKEW_MS < LOOK_BACK_S * _S


def may_send_again(operation: Operation, now_ms: int) -> bool:
    """Say whether Stripe still knows the key of each step whose outcome is not known."""
    first_sent_ms = min(
        (step.first_sent_ms for step in undecided(operation) if step.first_sent_ms), default=None
    )
    if first_sent_ms is None:
        return True
    # A send in the future was timed by a clock that ran ahead: its true age is not known.
    return -CLOCK_SKEW_MS <= now_ms - first_sent_ms <= RESEND_WINDOW_MS


def may_resume(operation: Operation, now_ms: int, resume_within_ms: int) -> bool:
    """Say whether a recovery may send what is left of an operation, or only read what it made."""
    young = now_ms - operation.created_ms <= resume_within_ms
    return young and may_send_again(operation, now_ms)


def is_too_late(operation: Operation, record: StepRecord, now_ms: int) -> bool:
    """Say whether this process was suspended for too long to send a step that it recorded."""
    begun_ms = max(operation.updated_ms, record.first_sent_ms or 0)
    first_ms = record.first_sent_ms or now_ms
    return now_ms - begun_ms > SEND_WITHIN_MS or now_ms - first_ms > RESEND_WINDOW_MS


def is_absence_proven(operation: Operation, now_ms: int) -> bool:
    """Say whether nothing of an operation can be on its way, so that finding nothing decides."""
    return now_ms - operation.updated_ms >= ABSENCE_PROVEN_AFTER_MS

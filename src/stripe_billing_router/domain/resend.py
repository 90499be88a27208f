"""All time bounds of the package in one table, and what they decide: may a step be resent?

Exactly-once depends on their relations, so each is asserted where it is stated.
"""

from __future__ import annotations

from typing import Final

from ..core.operation import Operation, StepRecord
from .steps import undecided

_S: Final = 1000
_MIN: Final = 60 * _S
_H: Final = 60 * _MIN

# The shortest time that Stripe keeps a key. Source: Stripe, "Idempotent requests": keys can be
# removed once they are at least 24 hours old.
KEY_MEMORY_MS: Final = 24 * _H

# A step key is resent only while its first send is younger than this.
RESEND_WINDOW_MS: Final = 23 * _H

# A host whose clock is further off Stripe's `Date` than this begins no operation.
MISLEADING_SKEW_MS: Final = 30 * _MIN

# From here on the operator gets an alert: more than any host with NTP is off, and longer than an
# answer takes to arrive.
ALARMING_SKEW_MS: Final = 5 * _MIN

# How far in the future a send may appear to be; beyond that its true age is not known.
CLOCK_SKEW_MS: Final = 10 * _MIN

# How long after its last commit the process that holds an operation may still send its step.
SEND_WITHIN_MS: Final = 5 * _MIN

# How long a step that Stripe refused with a 401 may be resent with a newer key: if the host was
# suspended meanwhile, another process may have taken the step.
RESEND_AFTER_401_MS: Final = 2 * _MIN

# How long an operation must have been left alone before finding nothing counts: a request in
# flight may still have arrived after the read.
ABSENCE_PROVEN_AFTER_MS: Final = 10 * _MIN

# How far before the intent's time lists are read: a host's clock may have been ahead when it was
# written, and a payment that is not found would be made again. The cost is only more pages.
LOOK_BACK_S: Final = 7 * 24 * 3600

# Two hosts: one ahead that first sends a key, another behind that resends it.
assert RESEND_WINDOW_MS + 2 * MISLEADING_SKEW_MS <= KEY_MEMORY_MS
# The operator is alerted of a clock before it stops the host, and before it confuses others.
assert ALARMING_SKEW_MS < CLOCK_SKEW_MS < MISLEADING_SKEW_MS
# Nothing of an operation is in flight once others may assume so.
assert 2 * SEND_WITHIN_MS <= ABSENCE_PROVEN_AFTER_MS
# The process that holds a refused step resends it only while others leave it alone.
assert RESEND_AFTER_401_MS < SEND_WITHIN_MS
# The lists reach back to everything that may still be resent.
assert RESEND_WINDOW_MS + 2 * MISLEADING_SKEW_MS < LOOK_BACK_S * _S


def may_send_again(operation: Operation, now_ms: int) -> bool:
    """Return whether Stripe still knows the key of each step whose outcome is unknown."""
    first_sent_ms = min(
        (step.first_sent_ms for step in undecided(operation) if step.first_sent_ms), default=None
    )
    if first_sent_ms is None:
        return True
    # A send in the future was timed by a clock that was ahead: its true age is not known.
    return -CLOCK_SKEW_MS <= now_ms - first_sent_ms <= RESEND_WINDOW_MS


def may_resume(operation: Operation, now_ms: int, resume_within_ms: int) -> bool:
    """Return whether recovery may resume an operation, or only look its outcome up."""
    young = now_ms - operation.created_ms <= resume_within_ms
    return young and may_send_again(operation, now_ms)


def is_too_late(operation: Operation, record: StepRecord, now_ms: int) -> bool:
    """Return whether this process was suspended too long to send a step that it recorded."""
    begun_ms = max(operation.updated_ms, record.first_sent_ms or 0)
    first_ms = record.first_sent_ms or now_ms
    return now_ms - begun_ms > SEND_WITHIN_MS or now_ms - first_ms > RESEND_WINDOW_MS


def is_absence_proven(operation: Operation, now_ms: int) -> bool:
    """Return whether nothing of an operation can be in flight, so that finding nothing decides."""
    return now_ms - operation.updated_ms >= ABSENCE_PROVEN_AFTER_MS

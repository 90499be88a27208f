"""Which step may be sent again, by its age on whichever clock."""

from dataclasses import replace

import pytest

from stripe_billing_router.core.operation import Operation, StepRecord
from stripe_billing_router.domain import resend
from stripe_billing_router.domain.resend import (
    is_absence_proven,
    is_too_late,
    may_resume,
    may_send_again,
)
from stripe_billing_router.domain.steps import with_step
from support.operations import OPERATION

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def sent(age_ms: int, **fields: object) -> StepRecord:
    record = StepRecord(
        step="create", method="payment_intents.create", first_sent_ms=NOW_MS - age_ms
    )
    return replace(record, **fields)  # type: ignore[arg-type]


def operation(*steps: StepRecord, created_ms: int = NOW_MS, updated_ms: int = NOW_MS) -> Operation:
    return replace(OPERATION, steps=steps, created_ms=created_ms, updated_ms=updated_ms)


@pytest.mark.parametrize(
    ("age_ms", "may"),
    [
        (0, True),
        (resend.RESEND_WINDOW_MS, True),
        (resend.RESEND_WINDOW_MS + 1, False),
        (-resend.CLOCK_SKEW_MS, True),
        (-resend.CLOCK_SKEW_MS - 1, False),
    ],
)
def test_a_key_is_used_while_stripe_surely_has_it(age_ms: int, may: bool) -> None:
    assert may_send_again(operation(sent(age_ms)), NOW_MS) is may


def test_the_oldest_undecided_send_counts() -> None:
    old, young = sent(resend.RESEND_WINDOW_MS + 1), sent(0, step="pay")
    assert not may_send_again(operation(young, old), NOW_MS)
    assert may_send_again(operation(young, replace(old, reply={})), NOW_MS)
    assert may_send_again(operation(replace(old, first_sent_ms=None)), NOW_MS)
    assert may_send_again(operation(), NOW_MS)


@pytest.mark.parametrize(
    ("age_ms", "may"), [(HOUR_MS - 1, True), (HOUR_MS, True), (HOUR_MS + 1, False)]
)
def test_a_young_operation_is_resumed(age_ms: int, may: bool) -> None:
    young = operation(sent(0), created_ms=NOW_MS - age_ms)
    assert may_resume(young, NOW_MS, HOUR_MS) is may
    forgotten = replace(young, steps=(sent(resend.RESEND_WINDOW_MS + 1),))
    assert not may_resume(forgotten, NOW_MS, HOUR_MS)


@pytest.mark.parametrize(
    ("updated_age_ms", "first_age_ms", "late"),
    [
        (0, 0, False),
        (resend.SEND_WITHIN_MS, resend.SEND_WITHIN_MS, False),
        (resend.SEND_WITHIN_MS + 1, resend.SEND_WITHIN_MS + 1, True),
        # The later of the two commits counts.
        (resend.SEND_WITHIN_MS + 1, 0, False),
        (0, resend.SEND_WITHIN_MS + 1, False),
        (0, resend.RESEND_WINDOW_MS, False),
        (0, resend.RESEND_WINDOW_MS + 1, True),
    ],
)
def test_a_process_that_stood_still_is_too_late(
    updated_age_ms: int, first_age_ms: int, late: bool
) -> None:
    held = operation(updated_ms=NOW_MS - updated_age_ms)
    assert is_too_late(held, sent(first_age_ms), NOW_MS) is late


def test_a_step_that_was_never_sent_is_as_old_as_its_operation() -> None:
    fresh = sent(0, first_sent_ms=None)
    assert not is_too_late(operation(), fresh, NOW_MS)
    assert is_too_late(operation(updated_ms=NOW_MS - resend.SEND_WITHIN_MS - 1), fresh, NOW_MS)
    assert is_too_late(operation(updated_ms=0), replace(fresh, first_sent_ms=0), NOW_MS)


def test_absence_is_proven_once_nothing_can_be_on_its_way() -> None:
    left = operation(updated_ms=NOW_MS - resend.ABSENCE_PROVEN_AFTER_MS)
    assert is_absence_proven(left, NOW_MS)
    assert not is_absence_proven(left, NOW_MS - 1)


def test_a_step_of_the_same_name_is_replaced() -> None:
    first, other = sent(5), sent(5, step="pay")
    again = sent(0)
    assert with_step(operation(first, other), again).steps == (other, again)
    assert with_step(operation(), first).steps == (first,)

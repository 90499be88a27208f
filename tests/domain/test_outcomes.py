"""What a failed write is known to have done, and whether sending it again can help."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.calls import Failure, FailureKind, WriteEffect
from stripe_billing_router.core.operation import StepRecord
from stripe_billing_router.domain.outcomes import effect_of, is_spent, may_retry, retry_delay_s
from support.operations import OPERATION

# Stripe says so itself, or not one byte of the request has left this host.
WITHOUT_EFFECT = {
    FailureKind.NOT_SENT,
    FailureKind.AUTHENTICATION,
    FailureKind.PERMISSION,
    FailureKind.NOT_FOUND,
    FailureKind.INVALID,
    FailureKind.RATE_LIMITED,
}
# The answer may be another one next time.
TRANSIENT = {
    FailureKind.NOT_SENT,
    FailureKind.CONNECTION,
    FailureKind.MALFORMED,
    FailureKind.CONFLICT,
    FailureKind.RATE_LIMITED,
    FailureKind.SERVER,
}
every_kind = pytest.mark.parametrize("kind", list(FailureKind))


@every_kind
def test_a_first_send_had_no_effect_only_where_that_is_certain(kind: FailureKind) -> None:
    expected = WriteEffect.NONE if kind in WITHOUT_EFFECT else WriteEffect.UNKNOWN
    if kind is FailureKind.DECLINED:
        expected = WriteEffect.DECLINED
    assert effect_of(Failure(kind), earlier_send_unknown=False) is expected


@every_kind
def test_once_a_send_is_unknown_only_a_decline_settles_it(kind: FailureKind) -> None:
    expected = WriteEffect.DECLINED if kind is FailureKind.DECLINED else WriteEffect.UNKNOWN
    assert effect_of(Failure(kind), earlier_send_unknown=True) is expected


@every_kind
def test_only_what_may_change_is_sent_again(kind: FailureKind) -> None:
    assert may_retry(Failure(kind)) is (kind in TRANSIENT)
    assert may_retry(Failure(kind, http_status=500, should_retry=True)) is (kind in TRANSIENT)


@every_kind
def test_stripes_advice_against_a_retry_is_taken(kind: FailureKind) -> None:
    assert may_retry(Failure(kind, http_status=500, should_retry=False)) is False


@every_kind
def test_an_answer_that_stripe_repeats_will_not_change(kind: FailureKind) -> None:
    assert may_retry(Failure(kind, http_status=500, should_retry=True, replayed=True)) is False


def test_advice_without_an_answer_is_not_stripes() -> None:
    """The SDK marks a truncated body as not to be retried, though it may have been a success."""
    assert may_retry(Failure(FailureKind.CONNECTION, should_retry=False)) is True


def test_waits_double_from_half_a_second_to_eight() -> None:
    failure = Failure(FailureKind.SERVER)
    waits_s = [retry_delay_s(failure, attempt) for attempt in range(1, 8)]
    assert waits_s == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@given(st.integers(1, 500), st.none() | st.floats(0, 60))
def test_waits_are_bounded_and_never_shorter_than_stripe_asks(
    attempt: int, retry_after_s: float | None
) -> None:
    delay_s = retry_delay_s(Failure(FailureKind.SERVER, retry_after_s=retry_after_s), attempt)
    assert 0.5 <= delay_s <= max(8.0, retry_after_s or 0.0)
    assert delay_s >= (retry_after_s or 0.0)


def sent(method: str = "payment_intents.create", **outcome: Any) -> bool:
    """Say whether one step's outcome uses an attempt's keys up."""
    return is_spent(replace(OPERATION, steps=(StepRecord(step="a", method=method, **outcome),)))


@every_kind
def test_an_attempt_is_used_up_unless_nothing_was_executed_for_certain(kind: FailureKind) -> None:
    kept = kind not in (FailureKind.NOT_SENT, FailureKind.AUTHENTICATION, FailureKind.RATE_LIMITED)
    assert sent(failure={"kind": str(kind)}) is kept
    assert sent(failure={"kind": str(kind)}, unknown_sends=1)
    assert not sent("customers.retrieve", failure={"kind": str(kind)})


def test_an_attempt_is_used_up_by_what_was_answered_or_may_have_been_sent() -> None:
    assert sent(reply={"id": "pi_1"})
    assert sent()
    assert not sent("customers.retrieve", reply={"id": "cus_1"})
    assert not is_spent(OPERATION)

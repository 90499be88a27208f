"""Which of two records of one operation wins, for every pair of states."""

from dataclasses import replace
from itertools import product

import pytest

from stripe_billing_router.core.operation import Operation, Result, State, StepRecord
from stripe_billing_router.domain.precedence import is_further, merge
from support.operations import OPERATION

SENT = StepRecord(step="create", method="payment_intents.create", reply={"id": "pi_1"})
RESULT = Result(body={"id": "pi_1"}, paid=True, amount="10.00", currency="usd")
REVERSED = (State.ROLLING_BACK, State.ROLLED_BACK)


def record(state: State, *, attempt: int = 1, version: int = 1) -> Operation:
    result = RESULT if state is State.SUCCEEDED else None
    return replace(
        OPERATION, state=state, attempt=attempt, version=version, steps=(SENT,), result=result
    )


@pytest.mark.parametrize(("spooled", "stored"), list(product(State, State)))
def test_an_effect_is_never_lost_to_less(spooled: State, stored: State) -> None:
    merged = merge(record(spooled, version=2), record(stored))
    if merged.record is None:
        kept = stored
    else:
        assert merged.record.version == 2
        kept = merged.record.state
    effects = (State.SUCCEEDED, *REVERSED)
    if spooled in effects or stored in effects:
        assert kept in effects
    if spooled in REVERSED or stored in REVERSED:
        assert kept in REVERSED


@pytest.mark.parametrize("reversal", REVERSED)
def test_a_reversal_and_a_success_are_a_conflict_that_balances(reversal: State) -> None:
    for spooled, stored in ((reversal, State.SUCCEEDED), (State.SUCCEEDED, reversal)):
        merged = merge(record(spooled), record(stored))
        assert merged.is_conflict
        assert merged.record is not None
        assert (merged.record.state, merged.record.result) == (reversal, RESULT)
        assert merged.takes_over is (spooled is reversal)


def test_of_different_attempts_the_later_one_counts() -> None:
    for state in REVERSED:
        merged = merge(record(State.SUCCEEDED, attempt=2), record(state))
        assert merged.takes_over
        assert not merged.is_conflict
        assert merge(record(state), record(State.SUCCEEDED, attempt=2)).record is None


def test_a_success_after_a_failure_that_stripe_took_up_is_a_conflict() -> None:
    merged = merge(record(State.SUCCEEDED), record(State.FAILED))
    assert (merged.takes_over, merged.is_conflict) == (True, True)
    unsent = replace(record(State.FAILED), steps=())
    assert not merge(record(State.SUCCEEDED), unsent).is_conflict


def test_a_refusal_before_stripe_says_nothing_of_another_run() -> None:
    unsent = replace(record(State.FAILED, version=9), steps=())
    pending = replace(record(State.PENDING), created_ms=OPERATION.created_ms + 1)
    assert not is_further(unsent, pending)
    assert is_further(pending, unsent)


def test_an_equal_record_changes_nothing() -> None:
    merged = merge(record(State.UNKNOWN), record(State.UNKNOWN))
    assert (merged.record, merged.takes_over, merged.is_conflict) == (None, False, False)

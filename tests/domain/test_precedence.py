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


@pytest.mark.parametrize(
    ("spooled", "stored", "version"), [(1, 1, 2), (5, 1, 5), (1, 5, 6), (3, 2, 3)]
)
def test_the_version_goes_on_from_both(spooled: int, stored: int, version: int) -> None:
    merged = merge(record(State.SUCCEEDED, version=spooled), record(State.UNKNOWN, version=stored))
    assert merged.record is not None
    assert merged.record.version == version


def test_a_reversal_that_is_noted_is_one_commit_later() -> None:
    merged = merge(record(State.SUCCEEDED), record(State.ROLLED_BACK, version=4))
    assert merged.record is not None
    assert merged.record.version == 5


def test_what_does_not_take_over_is_a_conflict_only_where_a_success_is_lost() -> None:
    later = record(State.UNKNOWN, attempt=2)
    assert merge(record(State.SUCCEEDED), later).is_conflict
    assert not merge(record(State.OPEN), later).is_conflict
    assert not merge(record(State.SUCCEEDED), record(State.SUCCEEDED)).is_conflict
    assert not merge(record(State.FAILED), record(State.SUCCEEDED)).is_conflict


def test_a_refusal_of_the_same_run_counts() -> None:
    unsent = replace(record(State.FAILED, version=9), steps=())
    assert is_further(unsent, record(State.PENDING))
    other_run = replace(record(State.PENDING, version=9), created_ms=OPERATION.created_ms + 1)
    assert is_further(other_run, record(State.PENDING))
    assert not is_further(record(State.PENDING), other_run)
    # Of another attempt it says what the attempt says.
    assert is_further(replace(unsent, attempt=2, created_ms=1), record(State.PENDING))


def test_a_success_beside_another_state_is_no_reversal() -> None:
    for state in (State.FAILED, State.UNKNOWN, State.OPEN, State.PENDING):
        for one, other in ((state, State.SUCCEEDED), (State.SUCCEEDED, state)):
            merged = merge(record(one), record(other))
            assert merged.record is None or merged.record.state is State.SUCCEEDED
    assert not merge(record(State.ROLLED_BACK), record(State.UNKNOWN)).is_conflict
    assert not merge(record(State.UNKNOWN), record(State.ROLLED_BACK)).is_conflict

"""A call that is broken off (Ctrl-C, a worker's time limit) at each of its commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stripe_billing_router import OperationInProgressError, OutcomeUnknownError
from stripe_billing_router.core.operation import State
from support.platform import BOT, Platform

BEGIN, FIRST_WRITE, OUTCOME = 1, 2, 3


class TimeLimitError(Exception):
    """As job queues raise it in the middle of whatever their worker does."""


def _break_off_at(platform: Platform, number: int, *, committed: bool, by: BaseException) -> None:
    """Interrupt the next commit number `number`, before it is made or just after."""
    count = 0

    def interrupted(commit: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count != number:
                return commit(*args, **kwargs)
            if committed:
                commit(*args, **kwargs)
            raise by

        return call

    records: Any = platform.router.records
    records.begin, records.save = interrupted(records.begin), interrupted(records.save)


@pytest.mark.parametrize("by", [KeyboardInterrupt(), SystemExit(1), TimeLimitError()])
@pytest.mark.parametrize(
    ("number", "committed"),
    [(BEGIN, True), (FIRST_WRITE, False), (FIRST_WRITE, True), (OUTCOME, False)],
)
def test_a_call_that_was_interrupted_at_a_commit_is_not_paid_twice_by_the_natural_retry(
    platform: Platform, number: int, committed: bool, by: BaseException
) -> None:
    _break_off_at(platform, number, committed=committed, by=by)
    with pytest.raises((type(by), OutcomeUnknownError)):
        platform.router.charge(BOT, 10)

    with pytest.raises(OperationInProgressError):
        platform.router.charge(BOT, 10)
    with pytest.raises(OperationInProgressError):
        platform.another_router().charge(BOT, 10)

    key = platform.operation(State.UNKNOWN).idempotency_key
    assert platform.router.charge(BOT, 10, idempotency_key=key).paid
    assert len(platform.sandbox.payment_intents) == 1
    assert [kind for kind in platform.kinds if kind == ("charge", 0)] == [("charge", 0)]


def test_an_interrupt_before_the_intent_is_written_leaves_nothing(platform: Platform) -> None:
    _break_off_at(platform, BEGIN, committed=False, by=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        platform.router.charge(BOT, 10)

    assert platform.router.charge(BOT, 10).paid
    assert len(platform.sandbox.payment_intents) == 1


def test_an_interrupt_after_the_outcome_is_written_leaves_it_as_it_is(platform: Platform) -> None:
    _break_off_at(platform, OUTCOME, committed=True, by=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        platform.router.charge(BOT, 10, idempotency_key="order-1")

    assert platform.router.charge(BOT, 10, idempotency_key="order-1").replayed
    assert platform.kinds == [("charge", 0)]

"""What a key means with the journal unavailable, by the objects that Stripe shows of it."""

from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router.core.clean_json import CleanJson, clean
from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.domain.offline import Accept, Attempt, GoOn, Refuse, decide
from stripe_billing_router.domain.resend import RESEND_WINDOW_MS
from support.operations import OPERATION

NOW_MS = 1_800_000_000_000
HERE = replace(OPERATION, attempt=2)


def found(status: str, attempt: int = 2, age_ms: int = 0, **fields: Any) -> CleanJson:
    return clean(
        {
            "id": f"pi_{attempt}",
            "object": "payment_intent",
            "status": status,
            "amount": 1000,
            "currency": "usd",
            "created": (NOW_MS - age_ms) // 1000,
            "metadata": {"sbr_operation": "op_1", "sbr_attempt": str(attempt)},
            **fields,
        }
    )


def decided(
    *items: CleanJson, here: Operation = HERE, is_new: bool = False
) -> Accept | Attempt | GoOn | Refuse:
    return decide(here, here.instruction, items, is_new=is_new, now_ms=NOW_MS)


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("status", ["succeeded", "processing"])
def test_an_effect_is_accepted_whichever_attempt_had_it(status: str, is_new: bool) -> None:
    for attempt in (1, 2, 3):
        decision = decided(found("canceled", 4), found(status, attempt), is_new=is_new)
        assert isinstance(decision, Accept)
        assert decision.operation.attempt == attempt
        assert decision.outcome.reply.body["id"] == f"pi_{attempt}"


def test_what_is_partially_created_goes_on_with_the_same_keys() -> None:
    partial = found("requires_action")
    assert decided(partial) == GoOn()
    assert decided(partial, is_new=True) == Attempt(2)
    assert decided(partial, here=replace(HERE, state=State.FAILED)) == Attempt(2)
    assert decided(found("requires_action", 3)) == Attempt(3)
    assert decided(found("canceled", 5), found("requires_action", 3)) == Attempt(3)


def test_it_does_so_while_stripe_surely_has_the_keys() -> None:
    assert decided(found("requires_action", age_ms=RESEND_WINDOW_MS)) == GoOn()
    assert decided(found("requires_action", age_ms=RESEND_WINDOW_MS + 1000)) == Refuse()


def test_dead_objects_use_up_their_attempts() -> None:
    assert decided(found("canceled", 1)) == GoOn()
    assert decided(found("canceled", 2)) == GoOn()
    assert decided(found("canceled", 2), is_new=True) == Attempt(3)
    assert decided(found("canceled", 1), is_new=True) == GoOn()
    assert decided(found("canceled", 1), found("canceled", 3)) == Attempt(4)


@pytest.mark.parametrize("is_new", [True, False])
def test_nothing_at_stripe_leaves_the_key_as_it_is_here(is_new: bool) -> None:
    assert decided(is_new=is_new) == GoOn()

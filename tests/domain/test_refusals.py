"""Why an operation that is already there, or could not be written down, stops a call."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.domain import refusals
from stripe_billing_router.errors import (
    BillingError,
    IdempotencyConflictError,
    LedgerUnavailableError,
    MoneyMoved,
    OperationInProgressError,
    OperationRolledBackError,
    RequestRejectedError,
)
from support.operations import OPERATION

WANTED = replace(OPERATION, fingerprint="b" * 64, request_fingerprint="c" * 64)


class TestSameKey:
    def test_the_same_purchase_is_no_conflict_as_resolved_or_as_asked(self) -> None:
        refusals.refuse_other_parameters(OPERATION, OPERATION)
        resolved = replace(WANTED, fingerprint=OPERATION.fingerprint)
        refusals.refuse_other_parameters(OPERATION, resolved)
        asked = replace(WANTED, request_fingerprint=OPERATION.request_fingerprint)
        refusals.refuse_other_parameters(OPERATION, asked)

    def test_another_purchase_is_and_both_fingerprints_are_shown(self) -> None:
        with pytest.raises(IdempotencyConflictError) as caught:
            refusals.refuse_other_parameters(OPERATION, WANTED)
        error = caught.value
        assert (error.operation_id, error.idempotency_key) == ("op_1", "order-17")
        assert (error.money_moved, error.retryable) == ("no", False)
        for fingerprint in ("f" * 12, "b" * 12):
            assert fingerprint in str(error)

    def test_fingerprints_of_different_kinds_are_never_compared(self) -> None:
        crossed = replace(
            OPERATION,
            fingerprint=OPERATION.request_fingerprint,
            request_fingerprint=OPERATION.fingerprint,
        )
        with pytest.raises(IdempotencyConflictError):
            refusals.refuse_other_parameters(OPERATION, crossed)


@pytest.mark.parametrize(
    ("refusal", "kind", "money_moved", "retryable"),
    [
        (refusals.at_work, OperationInProgressError, "unknown", True),
        (refusals.taken_up, OperationInProgressError, "unknown", True),
        (refusals.duplicate, OperationInProgressError, "unknown", True),
    ],
)
def test_each_refusal_names_the_operation_and_what_is_known_of_the_money(
    refusal: Callable[[Operation], BillingError],
    kind: type[BillingError],
    money_moved: MoneyMoved,
    retryable: bool,
) -> None:
    error = refusal(OPERATION)
    assert type(error) is kind
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-17")
    assert (error.money_moved, error.retryable) == (money_moved, retryable)
    assert error.remedy


@pytest.mark.parametrize(
    ("state", "money_moved", "said"),
    [
        (State.ROLLED_BACK, "no", "was reversed"),
        (State.ROLLING_BACK, "unknown", "is being reversed"),
    ],
)
def test_only_what_was_reversed_has_moved_nothing(
    state: State, money_moved: MoneyMoved, said: str
) -> None:
    error = refusals.rolled_back(replace(OPERATION, state=state))
    assert type(error) is OperationRolledBackError
    assert said in error.message
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-17")
    assert (error.money_moved, error.retryable) == (money_moved, False)


def test_a_duplicate_is_told_how_to_continue_the_first_one() -> None:
    error = refusals.duplicate(replace(OPERATION, state=State.UNKNOWN))
    for word in "op_1", "finance:bot", "unknown":
        assert word in error.problem
    assert "idempotency_key='order-17'" in error.remedy


def test_an_object_that_ended_without_an_effect_is_named() -> None:
    body = {"object": "payment_intent", "id": "pi_1", "status": "canceled"}
    error = refusals.ended(OPERATION, body)
    assert type(error) is RequestRejectedError
    for part in ("payment_intent", "pi_1", "canceled"):
        assert part in str(error)
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-17")
    assert error.money_moved == "no"


def test_a_key_of_which_nobody_could_say_anything_is_not_used() -> None:
    error = refusals.unseen(OPERATION)
    assert type(error) is LedgerUnavailableError
    assert (error.money_moved, error.retryable) == ("no", True)
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-17")


@pytest.mark.parametrize(("begun", "money_moved"), [(False, "no"), (True, "unknown")])
def test_what_could_not_be_recorded_was_not_sent(begun: bool, money_moved: MoneyMoved) -> None:
    error = refusals.not_recorded(OPERATION, "disk full", begun=begun)
    assert type(error) is LedgerUnavailableError
    assert (error.money_moved, error.retryable) == (money_moved, True)
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-17")
    assert "disk full" in error.message

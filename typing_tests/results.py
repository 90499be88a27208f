"""What the helpers return, as a bot author's type checker sees it. Checked, never run."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, assert_type

from stripe_billing_router import Operation, Receipt, RecoveryReport, RollbackReport
from stripe_billing_router.core.operation import State
from stripe_billing_router.domain.objects.kind import Reversal
from stripe_billing_router.engine.recovery import Recovered


def a_receipt(receipt: Receipt) -> None:
    assert_type(receipt.id, str)
    assert_type(receipt.object, str)
    assert_type(receipt.status, str | None)
    assert_type(receipt.paid, bool)
    assert_type(receipt.amount, Decimal | None)
    assert_type(receipt.currency, str | None)
    assert_type(receipt.bot_id, str)
    assert_type(receipt.operation_id, str)
    assert_type(receipt.idempotency_key, str)
    assert_type(receipt.request_id, str | None)
    assert_type(receipt.replayed, bool)
    assert_type(receipt.livemode, bool)
    assert_type(receipt.to_dict(), dict[str, Any])

    as_mapping: Mapping[str, Any] = receipt
    assert_type(iter(as_mapping), Iterator[str])
    assert_type(receipt["status"], Any)

    receipt["status"] = "succeeded"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    _ = receipt.succeeded  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    _ = receipt.amount + 1  # type: ignore[operator]  # pyright: ignore[reportOptionalOperand]


def an_operation(operation: Operation) -> None:
    assert_type(operation.operation_id, str)
    assert_type(operation.bot_id, str)
    assert_type(operation.action, str)
    assert_type(operation.idempotency_key, str)
    assert_type(operation.account, str)
    assert_type(operation.attempt, int)
    assert_type(operation.state, State)
    assert_type(operation.created_ms, int)
    assert_type(operation.updated_ms, int)
    assert_type(operation.error_code, str | None)
    assert_type(operation.error_message, str | None)
    assert_type(operation.receipt, Receipt | None)

    operation.state = State.FAILED  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def reports(recovery: RecoveryReport, rollback: RollbackReport) -> None:
    assert_type(recovery.operations, tuple[Recovered, ...])
    assert_type(recovery.unsettled, tuple[Recovered, ...])
    assert_type(recovery.drained, int)
    assert_type(recovery.in_progress, int)
    assert_type(rollback.operation_id, str)
    assert_type(rollback.bot_id, str)
    assert_type(rollback.complete, bool)
    assert_type(rollback.reversals, tuple[Reversal, ...])

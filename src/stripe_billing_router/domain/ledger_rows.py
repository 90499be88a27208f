"""What the ledger and the journal keep of an operation's outcome.

Rows are given as the columns that `billing_logger.log_event` takes: the one way into the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ..core.clean_json import CleanJson, clean
from ..core.money import to_major
from ..core.operation import Operation, Result, State
from ..errors import BillingError, InputError
from .flows import Outcome
from .objects.kind import Reversal

Columns = dict[str, Any]

REVERSED = (State.ROLLING_BACK, State.ROLLED_BACK)


def _major(amount_minor: Any, currency: Any) -> Decimal | None:
    """Return major units, or None where Stripe names no amount, or one in an unknown currency.

    It has happened at Stripe: no content of an answer may keep it from being recorded.
    """
    if amount_minor is None or not currency:
        return None
    try:
        return to_major(amount_minor, currency)
    except InputError:
        return None


def _text(value: Any) -> str | None:
    """Leave out a value of an unexpected type; the whole answer is in the row."""
    return value if isinstance(value, str) else None


def _columns(operation: Operation, **columns: Any) -> Columns:
    return {"bot_id": operation.bot_id, "destination_account": operation.account, **columns}


def result_of(outcome: Outcome) -> Result:
    """Return what the journal keeps of an outcome: enough to replay its receipt at any time."""
    amount = _major(outcome.amount_minor, outcome.currency)
    return Result(
        body=outcome.reply.body,
        paid=outcome.paid,
        amount=None if amount is None else format(amount, "f"),
        currency=outcome.currency,
        request_id=outcome.reply.headers.get("request-id"),
    )


def outcome_row(operation: Operation, outcome: Outcome, result: Result) -> Columns:
    """Return the row of an operation that Stripe accepted; `result` comes from `result_of`."""
    return _columns(
        operation,
        action_type=outcome.action_type,
        amount=None if result.amount is None else Decimal(result.amount),
        currency=_text(outcome.currency),
        user_email=_text(outcome.user_email or operation.instruction.user_email),
        raw_event_json=outcome.reply.body,
    )


def failure_row(operation: Operation, error: BillingError) -> Columns:
    """Return the row of a failure, definite or not; it is never a money row."""
    asked = operation.instruction
    objects = error.details.get("objects") or {}
    return _columns(
        operation,
        action_type=operation.action,
        amount=Decimal(asked.amount)
        if asked.amount
        else _major(asked.amount_minor, asked.currency),
        currency=asked.currency,
        user_email=asked.user_email,
        destination_account=error.details.get("foreign_account") or operation.account,
        error=1,
        raw_event_json={
            "id": next(iter(objects.values()), None),
            "object": "error",
            "code": error.code,
            "message": error.message,
            "money_moved": error.money_moved,
            "operation_id": operation.operation_id,
            "idempotency_key": operation.idempotency_key,
            "attempt": operation.attempt,
            **{
                name: error.details.get(name)
                for name in ("http_status", "stripe_code", "decline_code", "request_id")
            },
        },
    )


def mismatch_row(
    operation: Operation, body: Mapping[str, Any], found: str, foreign_account: str | None
) -> Columns:
    """Return the row of an answer that named another account; `found` says what it named."""
    return _columns(
        operation,
        action_type=operation.action,
        destination_account=foreign_account or operation.account,
        amount=_major(body.get("amount", body.get("amount_due")), body.get("currency")),
        currency=_text(body.get("currency")),
        user_email=operation.instruction.user_email,
        error=1,
        raw_event_json={**body, "discrepancy": found},
    )


def reversal_row(operation: Operation, reversal: Reversal) -> Columns:
    """Return the row that records the progress of one object's reversal."""
    refunded = reversal.refunded_minor or None
    return _columns(
        operation,
        action_type="rollback",
        amount=to_major(refunded, reversal.currency) if refunded and reversal.currency else None,
        currency=_text(reversal.currency),
        error=0 if reversal.complete else 1,
        raw_event_json={
            "id": reversal.id,
            "object": reversal.object,
            "operation_id": operation.operation_id,
            "complete": reversal.complete,
            "detail": reversal.detail,
        },
    )


def refund_rows(operation: Operation) -> Iterator[Columns]:
    """Yield a money row for each refund of a reversal, if the ledger has the reversed payment."""
    if operation.state not in REVERSED or operation.result is None:
        return
    for step in operation.steps:
        refund = step.reply or {}
        if refund.get("object") == "refund" and refund.get("status") == "succeeded":
            yield _columns(
                operation,
                action_type="refund",
                amount=to_major(refund["amount"], refund["currency"]),
                currency=refund["currency"],
                timestamp_ms=operation.updated_ms,
                user_email=operation.instruction.user_email,
                raw_event_json=refund if isinstance(refund, CleanJson) else clean(refund),
            )


def policy_row(action: str, pattern: str, actor: str, reason: str) -> Columns:
    """Return the row of a freeze, or of a lifted one."""
    return {
        "action_type": action,
        "bot_id": pattern,
        "raw_event_json": {"object": action, "actor": actor, "reason": reason},
    }

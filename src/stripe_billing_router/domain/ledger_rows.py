"""What an operation's outcome looks like in the ledger and in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .. import billing_logger
from ..core.money import to_major
from ..core.operation import LedgerRow, Operation, Result
from ..errors import BillingError, InputError
from .flows import Outcome


def _major(amount_minor: Any, currency: Any) -> Decimal | None:
    """Return major units, or None where Stripe names no amount, or one in an unknown currency.

    What happened has happened: nothing that Stripe answers may keep it from being written down.
    """
    if amount_minor is None or not currency:
        return None
    try:
        return to_major(amount_minor, currency)
    except InputError:
        return None


def body_amount(body: Mapping[str, Any]) -> Decimal | None:
    """Return the amount that a Stripe object names, in major units, where it names one."""
    return _major(body.get("amount", body.get("amount_due")), body.get("currency"))


def result_of(outcome: Outcome) -> Result:
    """Return what the journal keeps of a settlement: enough to replay its receipt for ever."""
    amount = _major(outcome.amount_minor, outcome.currency)
    return Result(
        body=outcome.reply.safe_body,
        paid=outcome.paid,
        amount=None if amount is None else format(amount, "f"),
        currency=outcome.currency,
        request_id=outcome.reply.request_id,
    )


def outcome_row(operation: Operation, outcome: Outcome, now_ms: int) -> LedgerRow:
    """Return the ledger row of an operation that Stripe accepted."""
    return entry(
        operation,
        now_ms,
        action_type=outcome.action_type,
        amount=_major(outcome.amount_minor, outcome.currency),
        currency=outcome.currency,
        user_email=outcome.user_email or operation.instruction.user_email,
        raw_event_json=outcome.reply.safe_body,
    )


def failure_row(operation: Operation, error: BillingError, now_ms: int) -> LedgerRow:
    """Return the ledger row of a failure, definite or not; it is never a money row."""
    instruction = operation.instruction
    amount = (
        Decimal(instruction.amount)
        if instruction.amount
        else _major(instruction.amount_minor, instruction.currency)
    )
    objects = error.details.get("objects") or {}
    return entry(
        operation,
        now_ms,
        action_type=operation.action,
        amount=amount,
        currency=instruction.currency,
        user_email=instruction.user_email,
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


def entry(operation: Operation, now_ms: int, **columns: Any) -> LedgerRow:
    """Build one row of an operation by way of `billing_logger.log_event`."""
    rows: list[LedgerRow] = []
    columns.setdefault("destination_account", operation.account)
    # What Stripe answered in a shape of its own is left out; the whole answer stands in the row.
    for name in ("user_email", "currency"):
        if not isinstance(columns.get(name), str):
            columns[name] = None
    billing_logger.log_event(
        bot_id=operation.bot_id, timestamp_ms=now_ms, writer=rows.append, **columns
    )
    return rows[0]

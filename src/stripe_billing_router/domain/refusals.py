"""Why an existing operation, or one that cannot be recorded, stops a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.operation import Operation, State
from ..errors import (
    IdempotencyConflictError,
    LedgerUnavailableError,
    OperationInProgressError,
    OperationRolledBackError,
    RequestRejectedError,
    StripeUnavailableError,
)


def refuse_other_parameters(existing: Operation, wanted: Operation) -> None:
    """Raise `IdempotencyConflictError` unless both ask for the same, as resolved or as asked."""
    same = (
        existing.fingerprint == wanted.fingerprint
        or existing.request_fingerprint == wanted.request_fingerprint
    )
    if not same:
        raise IdempotencyConflictError(
            f"The idempotency key was used before by {existing.bot_id} for another "
            f"{existing.action} (fingerprint {existing.fingerprint[:12]}, now "
            f"{wanted.fingerprint[:12]})",
            "Use a new key for a new purchase.",
            operation_id=existing.operation_id,
            idempotency_key=existing.idempotency_key,
        )


def rolled_back(existing: Operation) -> OperationRolledBackError:
    """Return the refusal of a key whose operation was reversed, or is being reversed."""
    done = existing.state is State.ROLLED_BACK
    return OperationRolledBackError(
        f"The operation {'was' if done else 'is being'} reversed after an account mismatch, and "
        "its idempotency key pays nothing any more",
        "Use a new idempotency key once the incident is closed.",
        money_moved="no" if done else "unknown",
        operation_id=existing.operation_id,
        idempotency_key=existing.idempotency_key,
    )


def at_work(existing: Operation) -> OperationInProgressError:
    """Return the refusal while another call with the same key is in progress."""
    return OperationInProgressError(
        "Another call with this idempotency key is in progress",
        "Call again with the same key when it has ended.",
        money_moved="unknown",
        operation_id=existing.operation_id,
        idempotency_key=existing.idempotency_key,
    )


def taken_up(operation: Operation) -> OperationInProgressError:
    """Return the refusal for the slower of two processes that took an operation."""
    return OperationInProgressError(
        "Another process has just continued this operation",
        "Call again with the same key when it has ended.",
        money_moved="unknown",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )


def duplicate(existing: Operation) -> OperationInProgressError:
    """Return the refusal of a call without a key while an identical one is unfinished."""
    return OperationInProgressError(
        f"Operation {existing.operation_id} of {existing.bot_id} asked for the same and is "
        f"{existing.state}, so a second one could pay twice",
        f"Call again with idempotency_key={existing.idempotency_key!r} to continue it, or finish "
        "it with recover().",
        money_moved="unknown",
        operation_id=existing.operation_id,
        idempotency_key=existing.idempotency_key,
    )


def ended(operation: Operation, body: Mapping[str, Any]) -> RequestRejectedError:
    """Return the error for an object that Stripe accepted but that had no effect."""
    return RequestRejectedError(
        f"Stripe answered that {body.get('object')} {body.get('id')} is {body.get('status')}, and "
        "took nothing",
        "Call again to start a new attempt.",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )


def lost(operation: Operation) -> StripeUnavailableError:
    """Return the error for an operation of which nothing reached Stripe."""
    return StripeUnavailableError(
        f"The {operation.action} never reached Stripe, and nothing was taken",
        "Call again to start a new attempt.",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )


def not_recorded(operation: Operation, reason: str, *, begun: bool) -> LedgerUnavailableError:
    """Return the refusal to send a step that was not recorded; `begun`: earlier ones were sent."""
    return LedgerUnavailableError(
        f"The next step could not be recorded, so it was not sent: {reason}",
        "Call again with the same idempotency key once the ledger can be written.",
        money_moved="unknown" if begun else "no",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )


def unseen(operation: Operation) -> LedgerUnavailableError:
    """Return the refusal of a key whose use neither the journal nor Stripe can show."""
    return LedgerUnavailableError(
        "The database is unavailable, and Stripe could not be asked whether this idempotency key "
        "was paid before, so nothing was sent",
        "Call again with the same key when either is available.",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )

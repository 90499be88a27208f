"""Commit what an operation came to: its state and its ledger row, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import replace

from ..core.calls import Failure, WriteEffect
from ..core.operation import LedgerRow, Operation, State
from ..core.receipt import Receipt
from ..domain import refusals
from ..domain.failures import public_error
from ..domain.flows import Outcome
from ..domain.ledger_rows import failure_row, outcome_row, result_of
from ..errors import BillingError, KeyAccountMismatchError
from ..storage.errors import StaleOperationError, StorageError
from ..storage.records import Records
from .mismatch import MismatchHandler
from .sender import Runtime

log = logging.getLogger(__name__)


def error_of(operation: Operation, failure: Failure, effect: WriteEffect) -> BillingError:
    """Return the error that a caller sees for a call of this operation that failed."""
    return public_error(
        failure,
        effect,
        action=operation.action.replace("_", " "),
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )


class OutcomeWriter:
    """Writes outcomes. They are facts by then, so that nothing in here may hide one."""

    def __init__(self, *, records: Records, mismatches: MismatchHandler, runtime: Runtime) -> None:
        self._records = records
        self._mismatches = mismatches
        self._runtime = runtime
        # Unknown, and written nowhere: the journal has them as at work, and they are not.
        self.lost: set[str] = set()

    def settle(self, operation: Operation, outcome: Outcome) -> Receipt:
        """Commit what Stripe accepted; return its receipt, or raise where it had no effect."""
        if outcome.state is State.FAILED:
            raise self.fail(operation, refusals.ended(operation, outcome.reply.body))
        stored = self.accept(operation, outcome)
        if stored.state in (State.ROLLING_BACK, State.ROLLED_BACK):
            raise refusals.rolled_back(stored)  # by another process, which saw a mismatch
        result = result_of(outcome)
        return operation.receipt_from(result, body=outcome.reply.body, replayed=False)

    def accept(self, operation: Operation, outcome: Outcome) -> Operation:
        """Commit what Stripe accepted, final or open."""
        settled = replace(
            operation,
            state=outcome.state,
            result=result_of(outcome),
            error_code=None,
            error_message=None,
        )
        return self.save(settled, outcome_row(operation, outcome, self._runtime.now_ms()))

    def fail(self, operation: Operation, error: BillingError) -> BillingError:
        """Commit a definite failure; return the error with the operation's names on it."""
        error.operation_id = operation.operation_id
        error.idempotency_key = operation.idempotency_key
        self.failed(operation, error)
        if isinstance(error, KeyAccountMismatchError):
            self._mismatches.key_refused(operation, error)
        return error

    def failed(self, operation: Operation, error: BillingError) -> Operation:
        """Commit a definite failure: nothing moved and nothing is left payable."""
        return self._with_error(operation, State.FAILED, error)

    def unknown(self, operation: Operation, failure: Failure) -> BillingError:
        """Keep the operation as unknown; return the error that says how to go on."""
        error = error_of(operation, failure, WriteEffect.UNKNOWN)
        self._with_error(operation, State.UNKNOWN, error)
        return error

    def _with_error(self, operation: Operation, state: State, error: BillingError) -> Operation:
        return self.save(
            replace(operation, state=state, error_code=error.code, error_message=error.message),
            failure_row(operation, error, self._runtime.now_ms()),
        )

    def save(self, operation: Operation, row: LedgerRow | None) -> Operation:
        """Commit an operation with its row, and let go of its lease."""
        now = replace(operation, lease_owner=None, updated_ms=self._runtime.now_ms())
        try:
            return self._records.save(now, rows=(row,) if row else ())
        except StaleOperationError as taken:
            self._mismatches.taken_up(now, taken.stored)
            return taken.stored
        except StorageError as lost:
            if now.state is State.UNKNOWN:
                self.lost.add(now.operation_id)
            self._mismatches.records_lost(now, row, lost)
            return now

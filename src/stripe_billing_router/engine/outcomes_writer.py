"""Commit the outcome of an operation: its state and its ledger row, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from ..billing_logger import row_of
from ..core.calls import Failure, FailureKind, WriteEffect
from ..core.operation import LedgerRow, Operation, Result, State
from ..core.ports import Runtime
from ..core.receipt import Receipt
from ..domain import refusals
from ..domain.failures import error_of
from ..domain.flows import Outcome
from ..domain.leases import is_same_run
from ..domain.ledger_rows import failure_row, outcome_row, result_of
from ..domain.steps import with_brief_replies
from ..errors import BillingError, KeyAccountMismatchError
from ..storage.errors import StaleOperationError, StorageError
from ..storage.records import Records
from .mismatch import MismatchHandler


class InProgress(Protocol):
    """Holds an operation that changes with each step."""

    operation: Operation


class OutcomeWriter:
    """Writes outcomes. They are facts by now, so nothing here may hide one."""

    def __init__(self, *, records: Records, mismatches: MismatchHandler, runtime: Runtime) -> None:
        self._records = records
        self._mismatches = mismatches
        self._runtime = runtime
        # Unknown, and not stored: the journal has them as in progress, but they are not.
        self.lost: set[str] = set()

    def finish(self, operation: Operation, outcome: Outcome) -> Receipt:
        """Commit what Stripe accepted; return its receipt, or raise if it had no effect."""
        if outcome.state is State.FAILED:
            raise self.fail(operation, refusals.ended(operation, outcome.reply.body))
        result = result_of(outcome)
        stored = self._accept(operation, outcome, result)
        if stored.state in (State.ROLLING_BACK, State.ROLLED_BACK):
            raise refusals.rolled_back(stored)  # by another process, which saw a mismatch
        return operation.receipt_from(result, body=outcome.reply.whole, replayed=False)

    def accept(self, operation: Operation, outcome: Outcome) -> Operation:
        """Commit what Stripe accepted, final or open."""
        return self._accept(operation, outcome, result_of(outcome))

    def _accept(self, operation: Operation, outcome: Outcome, result: Result) -> Operation:
        now_ms = self._runtime.now_ms()
        row = row_of(timestamp_ms=now_ms, **outcome_row(operation, outcome, result))
        settled = replace(
            operation,
            state=outcome.state,
            steps=with_brief_replies(operation.steps),
            # The row holds Stripe's object for both tables.
            result=replace(result, ledger_id=row.id),
            error_code=None,
            error_message=None,
        )
        return self._save(settled, row, now_ms)

    def fail(self, operation: Operation, error: BillingError) -> BillingError:
        """Commit a definite failure; return the error with the operation's id and key."""
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
        """Keep the operation as unknown; return the error that says how to continue."""
        error = error_of(operation, failure, WriteEffect.UNKNOWN)
        self._with_error(operation, State.UNKNOWN, error)
        return error

    @contextmanager
    def if_interrupted(self, running: InProgress) -> Iterator[None]:
        """Keep an operation as unknown when an interrupt stops it, at any point.

        As it was, it would count as in progress, and a bot's retry without a key would pay again.
        """
        try:
            yield
        except (BillingError, StorageError):
            raise
        except BaseException:
            current = self.caught_up(running.operation)
            if current is not None:
                self.unknown(current, Failure(FailureKind.OTHER, "the call was interrupted"))
            raise

    def caught_up(self, operation: Operation) -> Operation | None:
        """Return it with a commit whose reply was lost; None if another process continued it."""
        try:
            stored = self._records.find(operation.operation_id)
        except BillingError:
            return operation
        if stored is None or not is_same_run(stored, operation):
            return None
        return replace(operation, version=stored.version)

    def save(self, operation: Operation, row: LedgerRow | None) -> Operation:
        """Commit an operation with its row, and release its lease."""
        return self._save(operation, row, self._runtime.now_ms())

    def _save(self, operation: Operation, row: LedgerRow | None, now_ms: int) -> Operation:
        now = replace(operation, lease_owner=None, updated_ms=now_ms)
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

    def _with_error(self, operation: Operation, state: State, error: BillingError) -> Operation:
        is_over = state is State.FAILED
        ended = replace(
            operation,
            state=state,
            steps=with_brief_replies(operation.steps) if is_over else operation.steps,
            error_code=error.code,
            error_message=error.problem,
        )
        now_ms = self._runtime.now_ms()
        row = row_of(timestamp_ms=now_ms, **failure_row(operation, error))
        return self._save(ended, row, now_ms)

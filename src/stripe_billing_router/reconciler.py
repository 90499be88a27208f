"""Settle an operation by reading what it made, where sending it again is over or not allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from .adapters.records import Records
from .adapters.storage_errors import StaleOperationError
from .discrepancy import Discrepancies
from .domain import refusals
from .domain.calls import CallFailedError, Failure, Reply, StripeCall
from .domain.flows import Settlement
from .domain.reconciliation import Search, reconcile
from .domain.verification import verify
from .entries import failure_row, result_of, settlement_row
from .errors import BillingError, StripeUnavailableError
from .operation import LedgerRow, Operation, State, StepRecord
from .sender import Gateway, Sender, Surroundings

# How long nobody may have been at work on an operation before "nothing is there" is believed: a
# request that was on its way may still have landed after the read. Longer than any call may take.
ABSENCE_PROVEN_AFTER_MS: Final = 10 * 60 * 1000


class Reconciler:
    """Finds an operation's objects by lists and metadata, removes what is half-built, settles."""

    def __init__(
        self,
        *,
        records: Records,
        proven_gateway: Callable[[], Gateway],
        discrepancies: Discrepancies,
        sender: Sender,
        around: Surroundings,
    ) -> None:
        self._records = records
        self._proven_gateway = proven_gateway
        self._discrepancies = discrepancies
        self._sender = sender
        self._around = around

    def settle(self, operation: Operation, *, execution_over: bool) -> Operation:
        """Settle an operation whose lease this process holds; return it as it stands then.

        `execution_over` says that no request of it can still be on its way: only then does
        finding nothing settle it as failed. It stays unknown when Stripe cannot be read.

        Raises `AccountMismatchError` when an answer is not the master account's.
        """
        try:
            settlement = self._search(operation, self._proven_gateway())
        except CallFailedError as failed:
            return self._still_unknown(
                operation, f"Stripe could not be read: {failed.failure.kind}"
            )
        except StripeUnavailableError as away:
            return self._still_unknown(operation, away.message)
        if settlement is None and not execution_over:
            return self._still_unknown(operation, "nothing is found of it yet")
        if settlement is None:
            return self._failed(operation, _without_effect(operation))
        if settlement.state is State.FAILED:
            return self._failed(operation, refusals.ended(operation, settlement.reply.body))
        return self._save(
            replace(
                operation,
                state=settlement.state,
                result=result_of(settlement),
                error_code=None,
                error_message=None,
            ),
            settlement,
        )

    def _search(self, operation: Operation, gateway: Gateway) -> Settlement | None:
        search: Search = reconcile(operation)
        outcome: Reply | CallFailedError | None = None
        try:
            while True:
                if isinstance(outcome, CallFailedError):
                    call = search.throw(outcome)
                else:
                    call = next(search) if outcome is None else search.send(outcome)
                outcome = self._send(operation, call, gateway)
        except StopIteration as done:
            found: Settlement | None = done.value
            return found

    def _send(
        self, operation: Operation, call: StripeCall, gateway: Gateway
    ) -> Reply | CallFailedError:
        # Each look has keys of its own: a removal does no harm twice, and an answer that Stripe
        # keeps for an earlier look would say nothing about now.
        record = StepRecord(
            step=f"{call.step}@{operation.version}",
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=operation.attempt,
        )
        _, outcome = self._sender.send(operation, record, gateway)
        if isinstance(outcome, Failure):
            return CallFailedError(outcome)
        verdict = verify(outcome.body, outcome.headers, operation.account)
        if not verdict.ok:
            raise self._discrepancies.handle(operation, call, outcome, verdict, gateway)
        return outcome

    def _save(self, settled: Operation, settlement: Settlement) -> Operation:
        row = settlement_row(settled, settlement, self._around.now_ms())
        return self._written(settled, row)

    def _failed(self, operation: Operation, error: BillingError) -> Operation:
        failed = replace(
            operation, state=State.FAILED, error_code=error.code, error_message=error.message
        )
        return self._written(failed, failure_row(failed, error, self._around.now_ms()))

    def _still_unknown(self, operation: Operation, why: str) -> Operation:
        return self._written(replace(operation, state=State.UNKNOWN, error_message=why), None)

    def _written(self, operation: Operation, row: LedgerRow | None) -> Operation:
        now = replace(operation, lease_owner=None, updated_ms=self._around.now_ms())
        try:
            return self._records.save(now, rows=[row] if row else [])
        except StaleOperationError as taken:
            return taken.stored


def _without_effect(operation: Operation) -> StripeUnavailableError:
    return StripeUnavailableError(
        f"the {operation.action} was lost on its way: nothing of it is at Stripe and nothing was "
        "taken. Calling again starts a new attempt",
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )

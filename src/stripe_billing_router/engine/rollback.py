"""Undo at Stripe what one operation created: journalled, done once, hooks told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..core.calls import CallFailedError, Failure, Reply, StripeCall
from ..core.money import to_major
from ..core.operation import LedgerRow, Operation, State, StepRecord
from ..domain.ledger_rows import entry
from ..domain.objects.reversal import Reversal, reverse, reversible
from ..storage.records import Records
from ..storage.replay import refund_rows
from .run import failed, replied, tags_of
from .sender import Gateway, Runtime, Sender

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """What a rollback came to. `complete` is false while anything is pending or has failed."""

    operation_id: str
    bot_id: str
    complete: bool
    reversals: tuple[Reversal, ...]


RollbackHook = Callable[[RollbackReport], None]


class RollbackManager:
    """Reverses the objects of one operation, and only those that carry its id in their metadata."""

    def __init__(self, *, records: Records, sender: Sender, runtime: Runtime) -> None:
        self._records = records
        self._sender = sender
        self._runtime = runtime
        self._hooks: list[RollbackHook] = []

    def register_hook(self, hook: RollbackHook) -> None:
        """Have `hook` called with the report after each rollback; its own errors are logged."""
        self._hooks.append(hook)

    def auto_rollback(self, operation: Operation, gateway: Gateway) -> RollbackReport:
        """Reverse what `operation` created, with the key that created it.

        Reads each object's present state first, so that running it again does nothing twice. The
        operation becomes `rolled_back` when nothing is left open, else it stays `rolling_back`.
        """
        if operation.state is State.ROLLED_BACK:
            return RollbackReport(operation.operation_id, operation.bot_id, True, ())
        done: list[Reversal] = []
        for kind, target in reversible(operation.steps, operation.operation_id):
            operation, reversal = self._reverse(operation, kind, target, gateway)
            done.append(reversal)
        complete = all(reversal.complete for reversal in done)
        report = RollbackReport(operation.operation_id, operation.bot_id, complete, tuple(done))
        self._records.save(
            replace(
                operation,
                state=State.ROLLED_BACK if complete else State.ROLLING_BACK,
                updated_ms=self._runtime.now_ms(),
                lease_owner=None,
            ),
            rows=[*(self._row(operation, reversal) for reversal in done), *refund_rows(operation)],
        )
        for hook in self._hooks:
            try:
                hook(report)
            except Exception as error:  # noqa: BLE001 - Foreign code, whose text may hold anything.
                failed = type(error).__name__
                told = "a rollback hook failed with %s for operation %s"
                log.error(told, failed, operation.operation_id)  # noqa: TRY400
        return report

    def _reverse(
        self, operation: Operation, kind: str, target: str, gateway: Gateway
    ) -> tuple[Operation, Reversal]:
        flow = reverse(kind, target, tags_of(operation))
        outcome: Reply | CallFailedError | None = None
        try:
            while True:
                if isinstance(outcome, CallFailedError):
                    call = flow.throw(outcome)
                elif outcome is None:
                    call = next(flow)
                else:
                    call = flow.send(outcome)
                operation, outcome = self._perform(operation, call, gateway)
        except StopIteration as finished:
            reversal: Reversal = finished.value
            return operation, reversal
        except CallFailedError as problem:
            failure = problem.failure
            detail = f"{failure.kind}: {failure.message}"[:300]
            return operation, Reversal(kind, target, False, detail)

    def _perform(
        self, operation: Operation, call: StripeCall, gateway: Gateway
    ) -> tuple[Operation, Reply | CallFailedError]:
        record = StepRecord(
            step=call.step,
            method=call.method,
            target=call.target,
            params=call.params,
            attempt=operation.attempt,
            first_sent_ms=self._runtime.now_ms(),
        )
        if call.writes:
            operation = self._records.save(with_step(operation, record))
        record, outcome = self._sender.send(operation, record, gateway)
        if isinstance(outcome, Failure):
            return with_step(operation, failed(record, outcome)), CallFailedError(outcome)
        return with_step(operation, replied(record, outcome)), outcome

    def _row(self, operation: Operation, reversal: Reversal) -> LedgerRow:
        facts: dict[str, Any] = {
            "id": reversal.id,
            "object": reversal.object,
            "operation_id": operation.operation_id,
            "complete": reversal.complete,
            "detail": reversal.detail,
        }
        amount = (
            to_major(reversal.refunded_minor, reversal.currency)
            if reversal.refunded_minor and reversal.currency
            else None
        )
        return entry(
            operation,
            self._runtime.now_ms(),
            action_type="rollback",
            amount=amount,
            currency=reversal.currency,
            error=0 if reversal.complete else 1,
            raw_event_json=facts,
        )


def with_step(operation: Operation, record: StepRecord) -> Operation:
    """Return the operation with this step's record, replacing an earlier one of the same name."""
    others = tuple(step for step in operation.steps if step.step != record.step)
    return replace(operation, steps=(*others, record))
